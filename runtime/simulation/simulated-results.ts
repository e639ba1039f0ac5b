import { inspect } from 'node:util'
import { StreamsConfigError } from '../../state/ports/errors.ts'
import type { Headers } from '../../state/ports/headers.ts'
import type { Serde } from '../../state/ports/serde.ts'
import type { Plan } from '../../topology/plan.ts'

/** A record as it came out, as bytes. */
export interface RawOutput {
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** Epoch ms. */
  readonly timestamp: number
  readonly headers: Headers
  readonly partition: number
}

/** A record as it came out. */
export interface SimulatedOutput<K, V> {
  readonly key: K | null
  readonly value: V | null
  /** Epoch ms. */
  readonly timestamp: number
  readonly headers: Headers
  readonly partition: number
}

/** The committed output records of a simulated run. */
export class SimulatedOutputs {
  readonly #plan: Plan
  readonly #raw: (topic: string) => readonly RawOutput[]

  constructor(plan: Plan, raw: (topic: string) => readonly RawOutput[]) {
    this.#plan = plan
    this.#raw = raw
  }

  /** All committed records of the topic as bytes, partition by partition in the order of their offsets. */
  raw(topic: string): readonly RawOutput[] {
    return this.#raw(topic)
  }

  /**
   * The records of raw(), read with the serdes of the topology's sink; give serdes for a topic that the sink chooses by record.
   * @throws StreamsConfigError when no sink of the topology names the topic and no serdes are given
   */
  records<K, V>(topic: string, keySerde?: Serde<K>, valueSerde?: Serde<V>): readonly SimulatedOutput<K, V>[] {
    const sink = sinkOf(this.#plan, topic)
    const keys = keySerde ?? (sink?.keySerde as Serde<K> | undefined)
    const values = valueSerde ?? (sink?.valueSerde as Serde<V> | undefined)
    if (keys === undefined || values === undefined)
      throw new StreamsConfigError(`no sink of the topology names topic ${topic}: give records() its serdes`)
    return this.#raw(topic).map(({ key, value, ...rest }) => ({
      key: key === null ? null : keys.deserialize(topic, key, rest.headers),
      value: value === null ? null : values.deserialize(topic, value, rest.headers),
      ...rest,
    }))
  }
}

/** The stores of a simulated run at its end. */
export class SimulatedStores {
  readonly #rows: ReadonlyMap<string, readonly (readonly [unknown, unknown])[]>

  constructor(rows: ReadonlyMap<string, readonly (readonly [unknown, unknown])[]>) {
    this.#rows = rows
  }

  /** The rows that all() of the store gives, of all partitions. @throws StreamsConfigError for a name that has no rows to list */
  rows<K, V>(store: string): readonly (readonly [K, V])[] {
    const rows = this.#rows.get(store)
    if (rows === undefined)
      throw new StreamsConfigError(
        `there is no store named ${store} whose rows can be listed; there are ${[...this.#rows.keys()].join(', ') || 'none'}`,
      )
    return rows as readonly (readonly [K, V])[]
  }
}

/** The serdes of the sink that names the topic. */
export function sinkOf(plan: Plan, topic: string) {
  for (const { nodes } of plan.subtopologies)
    for (const node of nodes) if (node.type === 'sink' && node.topic === topic) return node
  return undefined
}

/** A value in one line, the same for equal values. */
export function textOf(value: unknown): string {
  if (Buffer.isBuffer(value)) return `0x${value.toString('hex')}`
  return inspect(value, {
    ...{ depth: null, breakLength: Number.POSITIVE_INFINITY, compact: true, sorted: true },
    ...{ maxArrayLength: null, maxStringLength: null },
  })
}
