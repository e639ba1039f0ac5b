import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { mayWait } from '../../../app/http/offers/may-wait.ts'
import { MOST_OF_DRIVER, OfferBook } from '../../../app/http/offers/offer-book.ts'
import { OfferDesk, type OfferDeskOptions } from '../../../app/http/offers/offer-desk.ts'
import { type Tail, tailOf } from '../../../app/topics/open-tail.ts'
import { realClock } from '../../../infra/streams/index.ts'
import { TRIP_OFFERS_TOPIC } from '../../../processors/topics.ts'
import { type LogRecord, StoreUnavailableError } from '../../../runtime/index.ts'
import { MemoryCluster } from '../../../runtime/memory/cluster.ts'
import { MemoryAdmin } from '../../../runtime/memory/memory-admin.ts'
import { MemoryReader } from '../../../runtime/memory/memory-reader.ts'
import { IDEAL_NETWORK } from '../../../runtime/memory/network.ts'

/* Offers as they are read from a topic in memory. The route's own test is offers.test.ts. */

const NOW = Date.parse('2019-03-01T10:00:00Z')
const FIRST = { topic: TRIP_OFFERS_TOPIC, partition: 0 }
const GONE = 99

const recordOf = (text: string | null): LogRecord => ({
  offset: 0,
  timestamp: NOW,
  key: null,
  value: text === null ? null : Buffer.from(text),
  headers: [],
})

/** A trip that was requested at that second. */
function offered(tripId: string, second: number, ...driverIds: readonly string[]): LogRecord {
  const requestedAt = new Date(NOW + second * 1000).toISOString()
  const offers = driverIds.map((driverId) => ({ driverId, distanceMeters: 1, lat: 0, lng: 0 }))
  return recordOf(JSON.stringify({ tripId, requestedAt, pickup: { lat: 0, lng: 0, address: null }, offers }))
}

const tripsIn = (json: string) =>
  (JSON.parse(json) as { rows: readonly { tripId: string }[] }).rows.map(({ tripId }) => tripId)

describe('the book', () => {
  it('orders and bounds by the time of the request, whichever partition is read first', () => {
    const book = new OfferBook()
    for (let second = 1; second <= MOST_OF_DRIVER; second++) book.add(offered(`first-${second}`, second, 'd'))
    book.add(offered('second-early', 0, 'd'))
    expect(tripsIn(book.page('d'))).not.toContain('second-early')
    book.add(offered('second-late', 2.5, 'd'))
    const page = tripsIn(book.page('d'))
    expect([page.length, page[0], page.slice(-3)]).toEqual([
      MOST_OF_DRIVER,
      'first-100',
      ['first-3', 'second-late', 'first-2'],
    ])
  })

  it('keeps the latest trips, whichever partition is read first', () => {
    const book = new OfferBook(10)
    for (let second = 1; second <= 10; second++) book.add(offered(`first-${second}`, second, `d${second}`))
    expect(book.add(offered('second', 0, 'd0'))).toEqual(['d0', 'd0'])
    expect([tripsIn(book.page('d0')), tripsIn(book.page('d1'))]).toEqual([[], ['first-1']])
    expect(book.add(offered('third', 11, 'd11'))).toEqual(['d11', 'd1'])
  })

  it('closes the offers of a trip whose next request nobody is near', () => {
    const book = new OfferBook()
    book.add(offered('a', 1, 'd', 'e'))
    expect(book.add(offered('a', 2))).toEqual(['d', 'e'])
    expect([book.page('d'), book.tripsOf('e')]).toEqual(['{"rows":[],"nextCursor":null}', []])
  })

  it('passes over what another program wrote', () => {
    const book = new OfferBook()
    const valid = String(offered('a', 1, 'd').value)
    const foreign = [null, '{', '1', 'null', valid.replace(/\[.*\]/, '[null]'), valid.replace('"d"', '7')]
    expect(foreign.flatMap((text) => book.add(recordOf(text)))).toEqual([])
  })
})

interface DeskOptions extends Partial<OfferDeskOptions> {
  /** Changes what open() gives, by the number of times that it was called. */
  readonly change?: (tail: Tail, opened: number) => Tail
}

/** A desk on a topic of two partitions in memory, with these records in the first one. */
function deskOn(records: readonly LogRecord[], { change = (tail) => tail, ...options }: DeskOptions = {}) {
  const cluster = new MemoryCluster(IDEAL_NETWORK)
  cluster.createTopic({ name: TRIP_OFFERS_TOPIC, partitions: 2, config: {} })
  cluster.append(FIRST, records)
  const base = { cluster, clock: realClock, client: 'offers', network: IDEAL_NETWORK }
  const tails: Tail[] = []
  const failed: unknown[] = []
  const desk = new OfferDesk({
    async open() {
      const reader = new MemoryReader({ ...base, isolation: 'read_committed', maxBatches: () => 100 })
      const clients = { admin: new MemoryAdmin(base), reader, close: () => reader.close() }
      const tail = await tailOf(clients, { topic: TRIP_OFFERS_TOPIC, partitions: 2, records: 1000 })
      return change(tail, tails.push(tail))
    },
    isWaiting: async () => true,
    onFailed: (error) => failed.push(error),
    ...options,
  })
  onTestFinished(() => desk.close())
  return { desk, cluster, tails, failed }
}

describe('the desk', () => {
  it('fails the question when the topic cannot be read, and begins anew with the next one', async () => {
    const { desk, failed } = deskOn([offered('a', 1, 'd')], {
      change(tail, opened) {
        if (opened === 1) tail.reader.assign(FIRST, GONE)
        return tail
      },
    })
    await expect(desk.read('d', 1)).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' })
    expect(failed).toEqual([expect.objectContaining({ code: 'OFFSET_OUT_OF_RANGE' })])
    expect(tripsIn(await desk.read('d', 1))).toEqual(['a'])
  })

  it('gives no part of the offers: a partition without an end makes the question fail in time', async () => {
    const { desk, failed } = deskOn([offered('a', 1, 'd')], {
      catchUpMs: 10,
      change: (tail) => ({ ...tail, behind: [...tail.behind, { topic: TRIP_OFFERS_TOPIC, partition: 7 }] }),
    })
    await expect(desk.read('d', 1)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(failed).toEqual([])
  })

  it('tells a listener that the topic is lost, also one that comes too late', async () => {
    const { desk, cluster, tails } = deskOn([offered('a', 1, 'd')])
    const told: unknown[] = []
    const listener = { changed: (json: string) => told.push(tripsIn(json)), lost: () => told.push('lost') }
    desk.listen('d', listener)
    await desk.read('d', 1)
    desk.listen('d', listener)
    expect(told).toEqual(['lost', ['a']])
    tails[0]?.reader.assign(FIRST, GONE)
    cluster.append(FIRST, [offered('b', 2, 'd')])
    await expect.poll(() => told).toEqual(['lost', ['a'], 'lost'])
    desk.listen('d', listener)
    expect(told).toEqual(['lost', ['a'], 'lost', 'lost'])
    await desk.read('d', 1)
    desk.listen('d', listener)
    expect(told.at(-1)).toEqual(['b', 'a'])
  })

  it('looks at 100 trips at a time, and drops what it can when some trips cannot be asked about', async () => {
    const drivers = ['d', 'e', 'f']
    const trips = Array.from({ length: 240 }, (_, i) => offered(`${i}`, i, drivers[i % 3] ?? ''))
    let isOver = false
    let running = 0
    let most = 0
    const { desk, failed } = deskOn(trips, {
      lookEveryMs: 1,
      async isWaiting(tripId) {
        running++
        if (isOver) most = Math.max(most, running)
        await turn()
        running--
        if (isOver && tripId === '0') throw new StoreUnavailableError('it moves')
        return !isOver
      },
    })
    const pages = new Map<string, string[]>()
    for (const driver of drivers) {
      await desk.read(driver, 1)
      desk.listen(driver, { changed: (json) => pages.set(driver, tripsIn(json)), lost: () => undefined })
    }
    isOver = true
    await expect.poll(() => drivers.map((driver) => pages.get(driver))).toEqual([['0'], [], []])
    expect(most).toBeLessThanOrEqual(100)
    expect(failed).toEqual([])
  })

  it('asks once about a trip that two drivers want to know of', async () => {
    const asked: string[] = []
    const { desk } = deskOn([offered('a', 1, 'd', 'e')], {
      async isWaiting(tripId) {
        asked.push(tripId)
        await turn()
        return false
      },
    })
    const pages = await Promise.all([desk.read('d', 1), desk.read('e', 1)])
    expect([pages.map(tripsIn), asked]).toEqual([[[], []], ['a']])
  })
})

it.each([
  [null, 'standby', true],
  [null, 'active', false],
  ['requested', 'standby', true],
  ['accepted', 'standby', false],
  ['requested', 'active', true],
] as const)('a trip that is %s on the %s may wait: %s', (status, role, expected) => {
  expect(mayWait({ role, result: status === null ? null : JSON.stringify({ status }) })).toBe(expected)
})
