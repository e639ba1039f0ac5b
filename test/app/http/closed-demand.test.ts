import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { rideHttp } from '../../../app/http/ride-http.ts'
import type { TopicLog } from '../../../app/topics/topic-log.ts'
import { encodeCursor } from '../../../infra/http/cursor.ts'
import { createHttpApp } from '../../../infra/http/server.ts'
import { createLogger } from '../../../infra/logging/logger.ts'
import { realClock } from '../../../infra/streams/index.ts'
import { CELL_DEMAND_TOPIC } from '../../../processors/topics.ts'
import { MemoryCluster } from '../../../runtime/memory/cluster.ts'
import { MemoryAdmin } from '../../../runtime/memory/memory-admin.ts'
import { MemoryReader } from '../../../runtime/memory/memory-reader.ts'
import { IDEAL_NETWORK } from '../../../runtime/memory/network.ts'
import { RetriableError } from '../../../state/index.ts'
import { InMemoryInstance } from '../../support/in-memory-instance.ts'
import { Random } from '../../support/random.ts'

/* GET /analytics/demand/closed over a topic in memory whose records the test wrote. */

const PARTITIONS = 3
const WINDOW_MS = 300_000
const START = Date.parse('2019-03-01T10:00:00Z')
const CELLS = ['872a100d2ffffff', '872a1072cffffff', '872a10089ffffff', '872a1008bffffff']

const instant = (at: number) => new Date(at).toISOString().replace('.000', '')
const random = new Random(7)
const cluster = new MemoryCluster(IDEAL_NETWORK)
const rows: { readonly cell: string; readonly windowStart: string }[] = []
const topic = CELL_DEMAND_TOPIC
const base = { cluster, clock: realClock, client: 'demand', network: IDEAL_NETWORK }
let open = 0

const openDemand = (): TopicLog => {
  open++
  const reader = new MemoryReader({ ...base, isolation: 'read_committed', maxBatches: () => 2 })
  return {
    admin: new MemoryAdmin(base),
    reader,
    offsetsForTime: async (partitions, time) =>
      partitions.map((at) => times[at.partition]?.findIndex((timestamp) => timestamp >= time) ?? -1),
    async close() {
      open--
      await reader.close()
    },
  }
}
/** Times of the records, by partition. */
const times: number[][] = Array.from({ length: PARTITIONS }, () => [])
let http: FastifyInstance

beforeAll(async () => {
  cluster.createTopic({ name: topic, partitions: PARTITIONS, config: {} })
  const write = (partition: number, value: string, timestamp: number): void => {
    times[partition]?.push(timestamp)
    cluster.append({ topic, partition }, [{ key: null, value: Buffer.from(value), timestamp, headers: [] }])
  }
  write(1, 'not ours', START)
  for (let n = 0; n < 24; n++) {
    const start = START + n * WINDOW_MS
    for (const [index, cell] of CELLS.entries()) {
      if (random.below(3) === 0) continue
      const row = {
        ...{ cell, windowStart: instant(start), windowEnd: instant(start + WINDOW_MS) },
        ...{ requests: 1 + random.below(9), completions: random.below(9) },
      }
      rows.push(row)
      write(index % 2, JSON.stringify(row), start + random.below(WINDOW_MS))
    }
  }
  rows.sort(byWindow)
  http = await server(openDemand)
})
afterAll(() => http.close())

function server(source: () => TopicLog): Promise<FastifyInstance> {
  return createHttpApp({
    instance: new InMemoryInstance(),
    application: rideHttp({ h3Resolution: 9, driverTtlMs: 0, openDemand: source }),
    token: null,
    logger: createLogger({ level: 'silent' }),
  })
}

type Row = (typeof rows)[number]
const byWindow = (a: Row, b: Row): number => (a.windowStart + a.cell < b.windowStart + b.cell ? -1 : 1)

/** All rows of the list, page by page: their windows in order, cells of one window in any order. */
async function all(query: string, limit: number): Promise<Row[]> {
  const found: Row[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const url = `/analytics/demand/closed?limit=${limit}${query}${cursor === '' ? '' : `&cursor=${cursor}`}`
    const { statusCode, body } = await http.inject({ url })
    expect([url, statusCode]).toEqual([url, 200])
    const page = JSON.parse(body) as { rows: Row[]; nextCursor: string | null }
    expect(page.rows.length).toBeLessThanOrEqual(limit)
    found.push(...page.rows)
    cursor = page.nextCursor
  }
  const windows = found.map(({ windowStart }) => windowStart)
  expect(windows).toEqual([...windows].sort())
  return found.sort(byWindow)
}

it.each([1, 2, 7, 1000])(
  "closed windows come by time, each once, in pages of %i; others' records are skipped",
  async (limit) => {
    expect(rows.length).toBeGreaterThan(40)
    expect(await all('', limit)).toEqual(rows)
    const cell = String(CELLS[2])
    expect(await all(`&cell=${cell}`, limit)).toEqual(rows.filter((row) => row.cell === cell))
    const [from, to] = [instant(START + 5 * WINDOW_MS), instant(START + 9 * WINDOW_MS)]
    const within = rows.filter(({ windowStart }) => windowStart >= from && windowStart <= to)
    expect(await all(`&from=${from}&to=${to}`, limit)).toEqual(within)
    expect(await all('&from=2020-01-01T00:00:00Z', limit)).toEqual([])
    expect(open).toBe(0)
  },
)

it('a cursor of another list, a cell of another resolution and a range the wrong way round are refused', async () => {
  const from = '2019-03-02T00:00:00Z'
  const bad = [
    `cursor=${encodeCursor('closed-demand', '1,x')}`,
    `cursor=${encodeCursor('cell-demand', '1,2,3')}`,
    'cell=892a100d2c3ffff',
    `from=${from}&to=2019-03-01T00:00:00Z`,
  ]
  for (const query of bad) {
    const { statusCode } = await http.inject({ url: `/analytics/demand/closed?${query}` })
    expect([query, statusCode]).toEqual([query, 400])
  }
})

it('a page that the brokers do not answer is a 503, and says what they said', async () => {
  const offsetsForTime = () => Promise.reject(new RetriableError('KAFKA_CONNECTION', 'no broker answered'))
  const silent = await server(() => ({ ...openDemand(), offsetsForTime }))
  const { statusCode, headers, body } = await silent.inject({
    url: '/analytics/demand/closed?from=2019-03-01T00:00:00Z',
  })
  expect([statusCode, headers['retry-after'], JSON.parse(body)]).toEqual([
    503,
    '1',
    {
      error: {
        code: 'KAFKA_CONNECTION',
        message: 'analytics.cell_demand cannot be read now: no broker answered',
      },
    },
  ])
  expect(open).toBe(0)
  await silent.close()
})
