import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rideHttp } from '../../../app/http/ride-http.ts'
import { RideStreamsClient } from '../../../exports/client.ts'
import { createHttpApp } from '../../../infra/http/server.ts'
import { createLogger } from '../../../infra/logging/logger.ts'
import { InMemoryInstance } from '../../support/in-memory-instance.ts'

/* Each route of the OpenAPI document has its method in the client, or a reason why it has none. */

const CALLS: Readonly<Record<string, (client: RideStreamsClient) => unknown>> = {
  trip: async (client) => [await done(client.trip('t')), await done(client.trip('..'))],
  tripHistory: (client) => client.tripHistory('t'),
  trips: (client) => client.trips({ status: 'started' }),
  driver: async (client) => [await done(client.driver('d')), await done(client.driver('nearby'))],
  nearby: (client) => client.nearby({ lat: 0, lng: 0 }),
  cell: (client) => client.cell('892a100d2c3ffff'),
  hourlyRevenue: (client) => client.hourlyRevenue(),
  dailyRevenue: (client) => client.dailyRevenue(),
  zoneRevenue: (client) => client.zoneRevenue(),
  offers: (client) => client.offers('d'),
  earnings: (client) => client.earnings('d'),
  tripFunnel: (client) => client.tripFunnel(),
  openDemand: (client) => client.openDemand(),
  closedDemand: (client) => client.closedDemand(),
  audit: (client) => client.audit({ tripId: 't' }),
  topology: (client) => client.topology(),
  tasks: (client) => client.tasks(),
  lag: (client) => client.lag(),
  tripStates: (client) => client.tripStates('t').next(),
  cellStates: (client) => client.cellStates('892a100d2c3ffff').next(),
  offerStates: (client) => client.offerStates('d').next(),
}

/** By tag or operation. */
const WITHOUT_METHOD: Readonly<Record<string, string>> = {
  stores: 'rows of any topology, so the client of the rides has no types for them',
  health: 'for probes, which need a status only',
  getMetrics: 'text for Prometheus',
}

interface Operation {
  readonly path: string
  readonly names: readonly string[]
}

let app: FastifyInstance
let operations: readonly Operation[]
let server: Server
let asked: string[] = []

beforeAll(async () => {
  app = await createHttpApp({
    instance: new InMemoryInstance({}),
    application: rideHttp({ h3Resolution: 9, driverTtlMs: 300_000 }),
    token: null,
    logger: createLogger({ level: 'silent' }),
  })
  const { paths } = (await app.inject({ url: '/openapi.json' })).json() as {
    paths: Record<string, { get: { operationId: string; tags: string[] } }>
  }
  operations = Object.entries(paths).map(([path, { get }]) => ({ path, names: [get.operationId, ...get.tags] }))
  server = createServer((request, response) => {
    asked.push((request.url ?? '').split('?')[0] as string)
    response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":{"code":"NOT_FOUND","message":""}}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  server.close()
  await app.close()
})

describe('the client', () => {
  it('has a call in this test for each of its methods', () => {
    const methods = Object.getOwnPropertyNames(RideStreamsClient.prototype).filter((name) => name !== 'constructor')
    expect(Object.keys(CALLS).sort()).toEqual(methods.sort())
  })

  it('reaches every route of /openapi.json but those that are no questions about rides, and no others', async () => {
    asked = []
    const client = new RideStreamsClient({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      patienceMs: 0,
    })
    for (const call of Object.values(CALLS)) await done(call(client))
    const reached = new Set(asked.map((url) => operations.find(({ path }) => pattern(path).test(url))?.path ?? url))
    const wanted = operations.filter(({ names }) => !names.some((name) => name in WITHOUT_METHOD))
    expect([...reached].sort()).toEqual(wanted.map(({ path }) => path).sort())
  })
})

/** The server of this test refuses everything. */
async function done(answer: unknown): Promise<void> {
  await Promise.resolve(answer).catch(() => undefined)
}

/** Matches what the path stands for; `/drivers/nearby` is a route of its own. */
function pattern(path: string): RegExp {
  return new RegExp(`^${path.replace(/\{\w+\}/g, '(?!nearby$)[^/]+')}$`)
}
