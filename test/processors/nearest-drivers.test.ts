import { cellToParent, latLngToCell } from 'h3-js'
import { describe, expect, it } from 'vitest'
import type { DriverCell } from '../../processors/driver-cells/driver-cell.ts'
import { driverCellSerde, driverCellsStore } from '../../processors/driver-cells/driver-cells.ts'
import { IN_CELL, NEARBY } from '../../processors/driver-cells/nearby/driver-index.ts'
import {
  type CellQuestion,
  type DriverInCell,
  firstInCell,
} from '../../processors/driver-cells/nearby/drivers-in-cell.ts'
import { gatherNearby } from '../../processors/driver-cells/nearby/gather-nearby.ts'
import type { NearbyQuestion } from '../../processors/driver-cells/nearby/nearest-drivers.ts'
import { memoryBackend } from '../../state/backends/memory.ts'
import { createStore } from '../../state/create-store.ts'
import { NO_HEADERS } from '../../state/ports/headers.ts'
import type { ManagedStore } from '../../state/ports/managed-store.ts'
import type { KeyValueSpec } from '../../state/ports/store-spec.ts'
import { anywhere, awkwardPlaces, beyond } from '../support/places.ts'
import { metersBetween } from '../support/processor-oracle.ts'
import { Random } from '../support/random.ts'

const NOW = 1_700_000_000_000
const TTL_MS = 300_000
const random = new Random(23)

type Drivers = ReadonlyMap<string, DriverCell>

/** Stores of some partitions that hold these drivers. */
class Partitions {
  asked = 0
  /** Rows that were looked at. */
  reads = 0
  #stores: readonly ManagedStore[] = []

  static async with(drivers: Drivers, count = 3): Promise<Partitions> {
    const partitions = new Partitions()
    const spec: KeyValueSpec = {
      ...driverCellsStore(false),
      valueSerde: {
        ...driverCellsStore(false).valueSerde,
        deserialize(topic, bytes) {
          partitions.reads++
          return driverCellSerde.deserialize(topic, bytes)
        },
      },
    }
    const context = { streamTime: () => 0, recordTimestamp: () => 0, recordHeaders: () => NO_HEADERS }
    const stores = Array.from({ length: count }, () =>
      createStore(spec, memoryBackend('driver-cells', { keyIndex: false }), context),
    )
    for (const [partition, store] of stores.entries()) {
      const records = [...drivers]
        .filter((_, i) => i % count === partition)
        .map(([driverId, driver]) => ({
          key: Buffer.from(driverId),
          value: Buffer.from(driverCellSerde.serialize('', driver) as string),
          timestamp: 0,
          headers: NO_HEADERS,
        }))
      await store.restore(records, records.length)
    }
    partitions.#stores = stores
    return partitions
  }

  async ask(question: string, params: unknown): Promise<{ result: unknown[] }> {
    this.asked++
    return { result: await Promise.all(this.#stores.map((store) => store.committed.ask?.(question, params))) }
  }

  async nearby(question: Omit<NearbyQuestion, 'streamTime'>): Promise<readonly [driverId: string, meters: number][]> {
    const { rows } = await gatherNearby({ ...question, streamTime: -1 }, (asked) => this.ask(NEARBY, asked))
    return rows.map(({ driverId, distance }) => [driverId, Number(distance.toFixed(3))])
  }

  async inCell(question: CellQuestion): Promise<readonly DriverInCell[]> {
    const { result } = await this.ask(IN_CELL, question)
    return firstInCell((result as DriverInCell[][]).flat(), question.limit)
  }
}

/** By comparing everybody, with distances computed another way. */
function expectedNearby(
  drivers: Drivers,
  { radius, limit, driverTtlMs, ...center }: Omit<NearbyQuestion, 'streamTime'>,
) {
  const times = [...drivers.values()].map(({ at }) => at).sort((a, b) => b - a)
  const now = times[Math.min(Math.max(2, Math.ceil(times.length / 10)), 10) - 1] ?? -1
  return [...drivers]
    .filter(([, { status, at }]) => status === 'available' && (driverTtlMs === 0 || now - at <= driverTtlMs))
    .map(([driverId, driver]) => [driverId, metersBetween(center, driver)] as const)
    .filter(([, meters]) => meters <= radius)
    .sort((a, b) => a[1] - b[1])
    .slice(0, limit)
    .map(([driverId, meters]) => [driverId, Number(meters.toFixed(3))])
}

function driver(place: { lat: number; lng: number }, resolution: number, more: Partial<DriverCell> = {}): DriverCell {
  const { lat, lng } = place
  const cell = latLngToCell(lat, lng, resolution)
  return { at: NOW, sub: '', eventId: 'e', cell, lat, lng, status: 'available', ...more }
}

/** A crowd around a place, denser in the middle, with every status, some of them silent, and some elsewhere. */
function crowd(center: { lat: number; lng: number }, count: number, resolutions: readonly number[]): Drivers {
  const drivers = new Map<string, DriverCell>()
  for (let i = 0; i < count; i++) {
    const place = random.chance(0.1) ? anywhere(random) : beyond(center, 25_000 * random.next() ** 2, random.next() * 7)
    const status = random.pick(['available', 'available', 'available', 'on_trip', 'offline', null] as const)
    const at = NOW - random.pick([0, 1000, TTL_MS, TTL_MS + 1, 10 * TTL_MS])
    drivers.set(`d${i}`, driver(place, random.pick(resolutions), { status, at }))
  }
  return drivers
}

describe.each(awkwardPlaces(random, 9))('the nearest drivers %s', (_name, place) => {
  it.each([
    ['one resolution', [9]],
    ['cells of several resolutions, as after changes of H3_RESOLUTION', [0, 4, 7, 9, 15]],
  ])('equal those found by comparing all drivers: %s', async (_what, resolutions) => {
    for (let round = 0; round < 2; round++) {
      const center = place()
      const drivers = crowd(center, 400, resolutions)
      const partitions = await Partitions.with(drivers)
      for (let i = 0; i < 12; i++) {
        const from = i === 0 ? center : beyond(center, random.below(8000), random.next() * 7)
        const question = {
          ...from,
          radius: random.pick([0, 10, 300, 5000, 20_000]),
          limit: random.pick([1, 5, 50, 1000]),
          driverTtlMs: random.pick([0, TTL_MS]),
        }
        expect(await partitions.nearby(question)).toEqual(expectedNearby(drivers, question))
      }
    }
  })

  it.each([0, 3, 6, 8, 9])('in a cell of resolution %i include those of its descendants', async (resolution) => {
    const center = place()
    const drivers = crowd(center, 400, [9])
    const partitions = await Partitions.with(drivers)
    const { lat, lng } = center
    const cell = latLngToCell(lat, lng, resolution)
    const expected = [...drivers]
      .filter(([, { cell: own }]) => cellToParent(own, resolution) === cell)
      .sort((a, b) => (a[1].cell === b[1].cell ? (a[0] < b[0] ? -1 : 1) : a[1].cell < b[1].cell ? -1 : 1))
      .map(([driverId]) => driverId)
    const found: string[] = []
    for (let after: string | null = null; ; ) {
      const page: readonly DriverInCell[] = await partitions.inCell({ cell, after, limit: 7 })
      found.push(...page.map(({ driverId }) => driverId))
      if (page.length < 7) break
      after = page.at(-1)?.position ?? null
    }
    expect(found).toEqual(expected)
  })
})

describe('silent drivers', () => {
  const question = { lat: 0, lng: 0, radius: 5000, limit: 2, driverTtlMs: TTL_MS }

  it('are found by the events of other partitions, and take no place in the answer', async () => {
    // Partition 0: two near drivers, silent only by the time of partition 1; further away one who is not.
    const drivers = new Map([
      ['silent-1', driver({ lat: 0, lng: 0.001 }, 9, { at: NOW - TTL_MS - 1 })],
      ['elsewhere', driver({ lat: 50, lng: 50 }, 9, { at: NOW })],
      ['silent-2', driver({ lat: 0, lng: 0.002 }, 9, { at: NOW - TTL_MS - 1 })],
      ['far-1', driver({ lat: 70, lng: 50 }, 9, { at: NOW })],
      ['alive', driver({ lat: 0, lng: 0.003 }, 9, { at: NOW - TTL_MS })],
    ])
    const partitions = await Partitions.with(drivers, 2)
    expect((await partitions.nearby(question)).map(([driverId]) => driverId)).toEqual(['alive'])
    expect(partitions.asked).toBe(2)
  })

  it('cause no second search when nobody lost a place', async () => {
    const drivers = new Map([
      ['silent', driver({ lat: 0, lng: 0.001 }, 9, { at: NOW - TTL_MS - 1 })],
      ['alive', driver({ lat: 0, lng: 0.003 }, 9, { at: NOW })],
      ['elsewhere', driver({ lat: 50, lng: 50 }, 9, { at: NOW })],
    ])
    const partitions = await Partitions.with(drivers, 2)
    expect((await partitions.nearby(question)).map(([driverId]) => driverId)).toEqual(['alive'])
    expect(partitions.asked).toBe(1)
  })

  it('do not result from a clock that is ahead or behind', async () => {
    const fleet = Array.from({ length: 38 }, (_, i) => [`d-${i}`, driver({ lat: 0, lng: i / 1e4 }, 9)] as const)
    const wrong = [
      ['ahead', driver({ lat: 0, lng: 0.005 }, 9, { at: NOW + TTL_MS + 60_000 })],
      ['of 2099', driver({ lat: 0, lng: 0.006 }, 9, { at: Date.parse('2099-01-01T00:00:00Z') })],
      ['behind', driver({ lat: 0, lng: 0.007 }, 9, { at: NOW - TTL_MS })],
      ['hours behind', driver({ lat: 0, lng: 0.008 }, 9, { at: NOW - 10 * TTL_MS })],
    ] as const
    const shown = async (drivers: Drivers): Promise<readonly string[]> => {
      const partitions = await Partitions.with(drivers)
      return (await partitions.nearby({ ...question, limit: 100 })).map(([driverId]) => driverId)
    }
    const ids = fleet.map(([id]) => id)
    expect(await shown(new Map([...fleet, ...wrong]))).toEqual([...ids, 'ahead', 'of 2099', 'behind'])
    // The same holds for two drivers: one alone decides nothing about the other.
    expect(await shown(new Map([...fleet.slice(0, 1), wrong[1]]))).toEqual(['d-0', 'of 2099'])
  })

  it('are shown when there is no limit, and an empty store has nobody', async () => {
    const drivers = new Map([
      ['silent', driver({ lat: 0, lng: 0.001 }, 9, { at: 0 })],
      ['elsewhere', driver({ lat: 50, lng: 50 }, 9)],
    ])
    const all = { ...question, driverTtlMs: 0 }
    expect((await (await Partitions.with(drivers)).nearby(all)).map(([driverId]) => driverId)).toEqual(['silent'])
    expect(await (await Partitions.with(new Map())).nearby(all)).toEqual([])
  })
})

describe('a city full of drivers', () => {
  const city = { lat: 40.75, lng: -73.98 }

  it('is searched by looking at few of them', async () => {
    const drivers = new Map<string, DriverCell>()
    for (let i = 0; i < 30_000; i++) {
      const place = beyond(city, 20_000 * Math.sqrt(random.next()), random.next() * 7)
      drivers.set(`driver-${i}`, driver(place, 9, { status: i % 2 === 0 ? 'available' : 'offline' }))
    }
    const partitions = await Partitions.with(drivers, 3)
    await partitions.nearby({ ...city, radius: 5000, limit: 50, driverTtlMs: TTL_MS })
    for (const [radius, limit, most] of [
      [5000, 50, 600],
      [20_000, 50, 600],
      [20_000, 1000, 4500],
    ] as const) {
      for (let i = 0; i < 5; i++) {
        const from = beyond(city, random.below(10_000), random.next() * 7)
        const before = partitions.reads
        expect(await partitions.nearby({ ...from, radius, limit, driverTtlMs: TTL_MS })).toHaveLength(limit)
        const reads = partitions.reads - before
        expect([radius, limit, reads >= limit && reads <= most, reads]).toEqual([radius, limit, true, reads])
      }
    }
  })
})
