import { isDeepStrictEqual } from 'node:util'
import type { KafkaCluster } from '../infra/kafka/kafka.ts'
import { scanSpans, spansOf } from '../infra/streams/topics/log-scan.ts'
import type { LogAdmin } from '../runtime/ports/log.ts'
import { partitionKey } from '../state/ports/topic-partition.ts'
import { type ExpectedCellChange, type InputRecord, type Json, type Oracle, oracle } from '../test/support/oracle.ts'
import { type LoadOptions, load } from './load.ts'

const OUTPUTS = ['trip.state', 'driver.cell.changed', 'analytics.hourly_revenue']
/** Completed trips that the oracle gets at once: it takes some KiB for each. */
const AT_ONCE = 100_000

export interface OutputsCheckOptions {
  readonly load?: LoadOptions
  /** One key in so many has all its outputs compared. Default 10. */
  readonly oneIn?: number
}

interface HourTotal {
  readonly cents: bigint
  readonly trips: number
}

/**
 * Are a peer's outputs right? The oracle of the tests says what must be there: the last state of some of the trips, every change of cell
 * of some of the drivers, the total of each hour.
 */
export class OutputsCheck {
  readonly #kafka: KafkaCluster
  readonly #admin: LogAdmin
  readonly #oneIn: number
  readonly #sampled: Oracle
  readonly #hours = new Map<string, HourTotal>()
  /** Where each partition ended before the peer started. */
  #from = new Map<string, number>()

  constructor(kafka: KafkaCluster, events: number, { load: of = {}, oneIn = 10 }: OutputsCheckOptions = {}) {
    this.#kafka = kafka
    this.#admin = kafka.admin()
    this.#oneIn = oneIn
    const sampled: InputRecord[] = []
    let completed: InputRecord[] = []
    let offset = 0
    for (const { topic, key, value } of load(events, of)) {
      const record = { topic, partition: 0, offset: offset++, key: Buffer.from(key), value: Buffer.from(value) }
      if (this.#isSampled(key)) sampled.push(record)
      if (topic === 'trip.completed') completed.push(record)
      if (completed.length < AT_ONCE) continue
      this.#addHours(completed)
      completed = []
    }
    this.#sampled = oracle(sampled)
    this.#addHours(completed)
  }

  /** Call before the peer starts: what others wrote before does not count. */
  async begin(): Promise<void> {
    this.#from = new Map((await spansOf(this.#admin, OUTPUTS)).map((span) => [partitionKey(span), span.to]))
  }

  /** Differences in words; [] when all is right. */
  async differences(): Promise<readonly string[]> {
    const trips = new Map<string, Json>()
    const changes = new Map<string, Json[]>()
    const hours = new Map<string, Json>()
    await this.#read((topic, key, value) => {
      if (topic === 'analytics.hourly_revenue') hours.set(key, JSON.parse(value) as Json)
      else if (this.#isSampled(key) && !key.startsWith('latency-')) {
        if (topic === 'trip.state') trips.set(key, JSON.parse(value) as Json)
        else changes.set(key, [...(changes.get(key) ?? []), JSON.parse(value) as Json])
      }
    })
    const hoursWanted = [...this.#hours].map(([hour, { cents, trips: count }]) => [
      hour,
      { hour, revenue: Number(`${cents}e-2`), trips: count },
    ])
    return [
      ...compared('trip', trips, this.#sampled.trips),
      ...compared('cells of', changes, changesIn(this.#sampled.cellChanges)),
      ...compared('hour', hours, new Map(hoursWanted as [string, Json][])),
    ]
  }

  /** A trip of the load is completed once, so its parts may be summed. */
  #addHours(completed: readonly InputRecord[]): void {
    for (const { hour, cents, trips } of oracle(completed).revenue.values()) {
      const total = this.#hours.get(hour) ?? { cents: 0n, trips: 0 }
      this.#hours.set(hour, { cents: total.cents + cents, trips: total.trips + trips })
    }
  }

  /** FNV-1a. */
  #isSampled(key: string): boolean {
    let hash = 0x811c9dc5
    for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193) >>> 0
    return hash % this.#oneIn === 0
  }

  async #read(on: (topic: string, key: string, value: string) => void): Promise<void> {
    const all = await spansOf(this.#admin, OUTPUTS)
    const spans = all.map((span) => ({ ...span, from: this.#from.get(partitionKey(span)) ?? span.from }))
    const reader = this.#kafka.reader({})
    try {
      for await (const { topic, records } of scanSpans({ reader, spans })) {
        for (const { key, value } of records) if (value !== null) on(topic, String(key), String(value))
      }
    } finally {
      await reader.close()
    }
  }
}

function changesIn(expected: ReadonlyMap<string, readonly ExpectedCellChange[]>): Map<string, Json[]> {
  return new Map([...expected].map(([driver, changes]) => [driver, changes.map(({ value }) => value)]))
}

function compared(what: string, actual: ReadonlyMap<string, unknown>, wanted: ReadonlyMap<string, unknown>): string[] {
  return [...new Set([...actual.keys(), ...wanted.keys()])]
    .filter((key) => !isDeepStrictEqual(actual.get(key), wanted.get(key)))
    .map((key) => `${what} ${key}: ${JSON.stringify(actual.get(key))}, expected ${JSON.stringify(wanted.get(key))}`)
}
