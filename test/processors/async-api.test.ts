import { Parser } from '@asyncapi/parser'
import { expect, it } from 'vitest'
import { asyncApiDocument, VALUE_SCHEMAS } from '../../processors/events/async-api.ts'
import { rideTopics } from '../../processors/ride-topics.ts'
import { deadLetterHeaders } from '../../runtime/task/dead-letter.ts'
import { NO_HEADERS } from '../../state/index.ts'

const OPTIONS = { applicationId: 'rides-eu', outputRetentionMs: -1 }

it('is a document in which the AsyncAPI parser finds no problem, with a channel and a message for each topic', async () => {
  const { document, diagnostics } = await new Parser().parse(JSON.stringify(asyncApiDocument(OPTIONS)))
  // 3.0 is the version that tools read today.
  const problems = diagnostics.filter(({ code }) => code !== 'asyncapi-latest-version')
  expect(problems.map(({ message, path }) => `${message} (${path.join('.')})`)).toEqual([])
  const channels = document?.channels().all() ?? []
  expect(channels.map((channel) => channel.address())).toEqual(rideTopics(OPTIONS).map(({ name }) => name))
  expect(channels.map((channel) => channel.messages().length)).toEqual(channels.map(() => 1))
  expect(document?.operations().filterByReceive().length).toBe(6)
})

it('the payloads are the schemas that the application validates with', () => {
  const { components } = JSON.parse(JSON.stringify(asyncApiDocument(OPTIONS))) as {
    readonly components: { readonly messages: Readonly<Record<string, { readonly payload: unknown }>> }
  }
  for (const [topic, schema] of VALUE_SCHEMAS) {
    expect(components.messages[topic]?.payload).toEqual(JSON.parse(JSON.stringify(schema)))
  }
})

it('names the headers that dead letters have', () => {
  const record = { offset: 1, timestamp: 0, key: null, value: null, headers: NO_HEADERS }
  const written = [...deadLetterHeaders({ topic: 't', partition: 0 }, record, new Error('no'))].map(({ key }) => key)
  const { components } = asyncApiDocument(OPTIONS) as {
    readonly components: {
      readonly messages: { readonly 'dead-letters': { readonly headers: { properties: object } } }
    }
  }
  expect(Object.keys(components.messages['dead-letters'].headers.properties)).toEqual(written)
})
