import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type HttpApplication, mergePages, notFound, type Page, readPage } from '../../../infra/http/index.ts'
import { createHttpApp } from '../../../infra/http/server.ts'
import { createLogger } from '../../../infra/logging/logger.ts'
import { serdes } from '../../../topology/serdes.ts'
import { StreamsBuilder } from '../../../topology/streams-builder.ts'
import { MemoryApp } from '../../support/memory-app.ts'

/* The query server in front of an application that knows nothing of rides: it counts words. */

const STORE = 'counts'
const page = mkdtempSync(join(tmpdir(), 'words-page-'))
writeFileSync(join(page, 'application.html'), '<p>words</p>')

const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
builder
  .stream<string, string>('lines')
  .flatMapValues((line) => line.split(' '))
  .groupBy((_key, word) => word)
  .count({ materialized: { name: STORE } })
const plan = builder.build().build({ applicationId: 'words' })

interface Counted {
  readonly word: string
  readonly count: unknown
}

/** A count is stored with its timestamp. */
const view = (word: unknown, stored: unknown): Counted => ({
  word: String(word),
  count: (stored as { value: unknown }).value,
})

const words: HttpApplication = {
  title: 'words',
  description: 'How often words were said.',
  aboutMissingStores: 'there is one store',
  routes(scope, { instance, router }) {
    scope.get<{ Params: { word: string } }>('/words/:word', async (request) => {
      const { word } = request.params
      const read = (share: object) => instance.getJson(STORE, word, share)
      const { result } = await router.one(request, STORE, word, read, (body) => body)
      if (result === null) throw notFound(`nobody said ${word}`)
      return JSON.parse(result) as unknown
    })
    scope.get<{ Querystring: { limit: string; cursor?: string } }>('/words', async (request) => {
      const { cursor } = request.query
      const limit = Number(request.query.limit)
      const { result } = await router.all<Page<Counted>>(
        request,
        STORE,
        (share) => readPage(instance, { store: STORE, limit, cursor, view, share }),
        (body) => JSON.parse(body) as Page<Counted>,
      )
      return mergePages(result, { list: STORE, limit, keyOf: ({ word }) => word })
    })
  },
  dashboard: { page, libraries: {}, sections: [] },
}

const app = new MemoryApp({ plan, topics: { lines: 1 }, views: { [STORE]: view } })
let http: FastifyInstance

const get = async (url: string) => {
  const { statusCode, body } = await http.inject({ method: 'GET', url })
  return { status: statusCode, body }
}

beforeAll(async () => {
  await app.start()
  app.produce('lines', null, 'to be or not to be')
  const repartition = plan.internalTopics.find(({ name }) => name.endsWith('-repartition'))?.name as string
  await app.drained('lines')
  await app.drained(repartition)
  const logger = createLogger({ level: 'silent' })
  http = await createHttpApp({
    instance: app.instance,
    application: words,
    token: null,
    logger,
  })
})

afterAll(async () => {
  await http.close()
  await app.instance.close()
  rmSync(page, { recursive: true })
})

it('its routes answer single rows and pages of its store', async () => {
  expect(JSON.parse((await get('/words/be')).body)).toEqual({ word: 'be', count: 2 })
  expect(await get('/words/question')).toMatchObject({
    status: 404,
    body: '{"error":{"code":"NOT_FOUND","message":"nobody said question"}}',
  })
  const first = JSON.parse((await get('/words?limit=3')).body) as Page<Counted>
  expect(first.rows.map(({ word, count }) => `${word} ${count}`)).toEqual(['be 2', 'not 1', 'or 1'])
  const second = JSON.parse((await get(`/words?limit=3&cursor=${first.nextCursor}`)).body) as Page<Counted>
  expect(second).toEqual({ rows: [{ word: 'to', count: 2 }], nextCursor: null })
})

it('the routes of the query server are there, with its title and its topology, and no route of rides', async () => {
  expect(JSON.parse((await get('/openapi.json')).body)).toMatchObject({ info: { title: 'words' } })
  expect(JSON.parse((await get('/topology')).body)).toEqual(JSON.parse(JSON.stringify(plan.describe())))
  expect((await get('/tasks')).body).toContain('"taskId":"1_0"')
  expect((await get('/health/ready')).status).toBe(200)
  expect((await get('/metrics')).body).toContain('records_processed_total{topic="lines"} 1')
  expect((await get('/trips')).status).toBe(404)
})

it('the dashboard shows the part of this application', async () => {
  expect((await get('/')).body).toContain('<p>words</p>')
})
