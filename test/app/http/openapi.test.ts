import type { FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import { rideHttp } from '../../../app/http/ride-http.ts'
import type { HttpApplication } from '../../../infra/http/application.ts'
import { createHttpApp } from '../../../infra/http/server.ts'
import { createLogger } from '../../../infra/logging/logger.ts'
import { InMemoryInstance } from '../../support/in-memory-instance.ts'
import { openApiProblems } from '../../support/openapi-lint.ts'
import { openApiFaults } from '../../support/openapi-schema.ts'

const rides = rideHttp({ h3Resolution: 9, driverTtlMs: 300_000 })
const TOKEN = 'correct-horse'

interface Parameter {
  readonly name: string
  readonly required?: boolean
  readonly schema: { readonly default?: unknown }
}
interface Document {
  readonly paths: Readonly<Record<string, { readonly get: Operation }>>
  readonly components: { readonly schemas: object; readonly securitySchemes: object }
  readonly security: readonly object[]
}
interface Operation {
  readonly security?: readonly object[]
  readonly parameters?: readonly Parameter[]
  readonly responses: object
}

let app: FastifyInstance | undefined

async function documentOf(application?: HttpApplication, token: string | null = null): Promise<string> {
  const logger = createLogger({ level: 'silent' })
  app = await createHttpApp({ instance: new InMemoryInstance(), application, token, logger })
  const { body } = await app.inject({ url: '/openapi.json', headers: { authorization: `Bearer ${TOKEN}` } })
  return body
}

afterEach(async () => {
  await app?.close()
})

describe('the OpenAPI document', () => {
  it.each([null, TOKEN])('of the ride application has no problem that redocly lint knows, token %s', async (token) => {
    expect(await openApiProblems(await documentOf(rides, token))).toEqual([])
  })

  it('of any topology has no problem that redocly lint knows', async () => {
    // The license is the matter of whoever writes the topology.
    expect(await openApiProblems(await documentOf(), ['info-license'])).toEqual([])
  })

  it('is valid by the JSON Schema of OpenAPI 3.1, for the ride application and for any topology', async () => {
    for (const application of [rides, undefined]) {
      const document: unknown = JSON.parse(await documentOf(application, TOKEN))
      expect(openApiFaults(document)).toEqual([])
    }
    // The check itself finds faults.
    const paths = { '/x': { get: { parameters: [{ name: 'a', in: 'nowhere', schema: { type: 'text' } }] } } }
    const faults = openApiFaults({ openapi: '3.1.0', info: { title: 'x', version: '1' }, paths })
    expect(faults).toContainEqual(expect.stringMatching(/^\/paths\/~1x\/get\/parameters\/0\/in: /))
    expect(faults).toContainEqual(expect.stringMatching(/^\/paths\/\/x\/get\/parameters\/0\/schema: /))
  })

  it('does not require parameters that have a default', async () => {
    const { paths } = JSON.parse(await documentOf(rides)) as Document
    const defaulted = Object.values(paths)
      .flatMap(({ get }) => get.parameters ?? [])
      .filter(({ schema }) => schema.default !== undefined)
    expect(defaulted.length).toBeGreaterThan(5)
    expect(defaulted.filter(({ required }) => required === true)).toEqual([])
    expect(
      paths['/drivers/nearby']?.get.parameters?.filter(({ required }) => required).map(({ name }) => name),
    ).toEqual(['lat', 'lng'])
  })

  it('says what needs the token: with HTTP_TOKEN all but health, without it nothing', async () => {
    const bearer = { bearer: { type: 'http', scheme: 'bearer', description: 'HTTP_TOKEN' } }
    const open = JSON.parse(await documentOf(rides)) as Document
    expect([open.components.securitySchemes, open.security]).toEqual([bearer, [{}, { bearer: [] }]])
    await app?.close()
    const guarded = JSON.parse(await documentOf(rides, TOKEN)) as Document
    expect([guarded.components.securitySchemes, guarded.security]).toEqual([bearer, [{ bearer: [] }]])
    const own = Object.entries(guarded.paths).filter(([, { get }]) => get.security !== undefined)
    expect(own.map(([path, { get }]) => [path, get.security])).toEqual([
      ['/health/live', []],
      ['/health/ready', []],
    ])
  })

  it('names its schemas once, and refers to them', async () => {
    const text = await documentOf(rides)
    const { components, paths } = JSON.parse(text) as Document
    expect(Object.keys(components.schemas)).toEqual(
      expect.arrayContaining([
        'Driver',
        'Error',
        'HourlyRevenue',
        'NearbyDriver',
        'Row',
        'Trip',
        'TripPage',
        'TripStatus',
      ]),
    )
    expect(paths['/trips/{tripId}']?.get.responses).toMatchObject({
      200: {
        description: 'The answer.',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Trip' } } },
      },
      404: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } } },
    })
    expect(text).not.toContain('Default Response')
  })
})
