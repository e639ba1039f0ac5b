import { TopologyTestDriver } from '../../runtime/memory/test-driver.ts'
import type { Headers } from '../../state/ports/headers.ts'
import type { Serde } from '../../state/ports/serde.ts'
import type { Topology } from '../../topology/index.ts'

export interface In<V> {
  readonly topic: string
  readonly key: string | null
  readonly value: V | null
  readonly timestamp: number
  readonly headers?: Headers
}

export interface Out<K, V> {
  readonly key: K | null
  readonly value: V | null
  readonly timestamp: number
}

/** A topology under the TopologyTestDriver, with string keys going in. */
export class TopologyRun<V> {
  readonly driver: TopologyTestDriver
  readonly #valueSerde: Serde<V>

  constructor(topology: Topology, valueSerde: Serde<V>) {
    this.driver = new TopologyTestDriver(topology.build({ applicationId: 'app' }))
    this.#valueSerde = valueSerde
  }

  feed(records: Iterable<In<V>>): this {
    for (const { topic, key, value, timestamp, headers } of records)
      this.driver.pipeInput(topic, {
        key: key === null ? null : Buffer.from(key),
        value: value === null ? null : Buffer.from(this.#valueSerde.serialize(topic, value)),
        timestamp,
        ...(headers === undefined ? {} : { headers }),
      })
    return this
  }

  read<K, R>(topic: string, keySerde: Serde<K>, valueSerde: Serde<R>): Out<K, R>[] {
    return this.driver.readOutput(topic).map(({ key, value, timestamp }) => ({
      key: key === null ? null : keySerde.deserialize(topic, key),
      value: value === null ? null : valueSerde.deserialize(topic, value),
      timestamp,
    }))
  }

  /** The latest value per key of a topic read as a table. */
  table<R>(topic: string, valueSerde: Serde<R>): Map<string, R> {
    const rows = new Map<string, R>()
    for (const { key, value } of this.driver.readOutput(topic)) {
      const name = key === null ? '' : key.toString('latin1')
      if (value === null) rows.delete(name)
      else rows.set(name, valueSerde.deserialize(topic, value))
    }
    return rows
  }

  dropped(): Record<string, number> {
    return Object.fromEntries(this.driver.metrics.dropped.entries())
  }
}
