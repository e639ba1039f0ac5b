import { describe, expect, it } from 'vitest'
import { TopologyTestDriver } from '../../../runtime/memory/test-driver.ts'
import { AgreedTime } from '../../../runtime/task/agreed-time.ts'
import type { TaskMark, TaskMarks } from '../../../runtime/task/task-marks.ts'
import type { KeyValueStore } from '../../../state/ports/stores.ts'
import { jsonSerde, StreamsBuilder, stringSerde } from '../../../topology/index.ts'
import { Random } from '../../support/random.ts'

type Reading = readonly [device: string, time: number]

function marks(): TaskMarks {
  const numbers = new Map<TaskMark, number>()
  return { get: (mark) => numbers.get(mark) ?? null, set: (mark, value) => void numbers.set(mark, value) }
}

function agreedOn(readings: readonly Reading[]): number[] {
  const time = new AgreedTime(marks())
  return readings.map(([device, reading]) => {
    time.observe(device, reading)
    return time.value
  })
}

/** Devices whose clocks differ by less than a second, in any order. */
function readings(random: Random, count: number): Reading[] {
  return Array.from({ length: count }, (_, i) => [`d-${random.below(6)}`, 1000 * i + random.below(1000)] as const)
}

describe('the time that devices agree on', () => {
  it('is what two devices, one right after the other, have reached', () => {
    const course: Reading[] = [
      ['a', 10],
      ['b', 12],
      ['b', 20],
      ['c', 19],
      ['a', 18],
      ['a', 40],
      ['b', 30],
    ]
    expect(agreedOn(course)).toEqual([-1, 10, 10, 19, 19, 19, 30])
  })

  it.each([1, 2, 3, 4, 5])('is not moved by any single clock, ahead or behind, seed %i', (seed) => {
    const random = new Random(seed)
    const right = readings(random, 500)
    for (const off of [360_000, 4e12, -360_000, -1e12]) {
      const wrong = right.map(([device, time]): Reading => [device, device === 'd-3' ? time + off : time])
      const agreed = agreedOn(wrong)
      let latestOfOthers = -1
      for (const [i, [device, time]] of wrong.entries()) {
        if (device !== 'd-3') latestOfOthers = Math.max(latestOfOthers, time)
        expect(agreed[i]).toBeLessThanOrEqual(latestOfOthers)
      }
      // It still follows the others closely.
      expect(agreed.at(-1)).toBeGreaterThan((right.at(-1) as Reading)[1] - 20_000)
    }
  })

  it('is not moved by wrong clocks that accumulate over time', () => {
    const course = readings(new Random(7), 200).flatMap((reading, i): Reading[] =>
      i % 20 === 10 ? [[`wrong-${i}`, 4e12 + i], reading] : [reading],
    )
    expect(Math.max(...agreedOn(course))).toBeLessThan(200_000)
  })

  it('is the same when the task is opened again anywhere', () => {
    const course = readings(new Random(8), 100)
    const expected = agreedOn(course)
    for (let stop = 0; stop <= course.length; stop++) {
      const kept = marks()
      let time = new AgreedTime(kept)
      const found = course.map(([device, reading], i) => {
        if (i === stop) {
          time.save(kept)
          time = new AgreedTime(kept)
        }
        time.observe(device, reading)
        return time.value
      })
      expect(found).toEqual(expected)
    }
  })
})

describe('a source with a device clock', () => {
  interface Ping {
    readonly device: string | null
    readonly at: number
  }

  function start(): TopologyTestDriver {
    const builder = new StreamsBuilder()
    builder
      .stream<string, Ping>('pings', {
        keySerde: stringSerde,
        valueSerde: jsonSerde<Ping>(),
        deviceClock: { deviceOf: (_key, { device }) => device, timeOf: (_key, { at }) => at },
      })
      .groupByKey()
      .aggregate<Ping>({
        initializer: () => ({ device: null, at: 0 }),
        aggregator: (_key, ping) => ping,
        materialized: {
          name: 'last',
          keySerde: stringSerde,
          valueSerde: jsonSerde<Ping>(),
          ttlMs: 1000,
          caching: false,
        },
      })
    return new TopologyTestDriver(builder.build().build({ applicationId: 'app' }))
  }

  function ping(driver: TopologyTestDriver, key: string, value: Ping, timestamp = value.at): void {
    driver.pipeInput('pings', { key: Buffer.from(key), value: Buffer.from(JSON.stringify(value)), timestamp })
  }

  it("lets other devices' rows expire only by the agreed time", () => {
    const driver = start()
    const has = (key: string) => driver.store<KeyValueStore<string, Ping>>('last').get(key) !== null
    ping(driver, 'row', { device: 'a', at: 10_000 })
    ping(driver, 'ahead', { device: 'b', at: 90_000 })
    ping(driver, 'ahead', { device: 'b', at: 91_000 })
    ping(driver, 'nobody knows', { device: null, at: 92_000 })
    expect([has('row'), has('ahead')]).toEqual([true, true])
    ping(driver, 'other', { device: 'c', at: 11_000 })
    expect(has('row')).toBe(true)
    ping(driver, 'other', { device: 'd', at: 11_001 })
    expect(has('row')).toBe(true)
    ping(driver, 'other', { device: 'c', at: 11_001 })
    expect(has('row')).toBe(false)
  })

  it('ignores the timestamps of the records', () => {
    const driver = start()
    ping(driver, 'row', { device: 'a', at: 10_000 })
    for (const device of ['b', 'c', 'd']) ping(driver, 'other', { device, at: 10_500 }, 90_000)
    expect(driver.store<KeyValueStore<string, Ping>>('last').get('row')).not.toBeNull()
  })
})
