import type { Headers } from '../../state/ports/headers.ts'
import type { Serde } from '../../state/ports/serde.ts'
import { serdeTopicOf } from '../../state/ports/store-spec.ts'
import type { TopicPartition } from '../../state/ports/topic-partition.ts'
import type { Plan } from '../../topology/plan.ts'
import type { LogRecord } from '../ports/log.ts'
import type { RebuiltRecord, StepInput } from '../replay/rebuild-options.ts'
import type { ShownRecord } from './chain.ts'
import { type Shown, shown, shownBytes } from './shown-value.ts'

interface Serdes {
  readonly keySerde: Serde<unknown>
  readonly valueSerde: Serde<unknown>
}

/** Shows records of a plan's topics as its serdes read them; as text or hex where they cannot. */
export class RecordText {
  readonly #serdes: ReadonlyMap<string, Serdes>

  constructor(plan: Plan) {
    const serdes = new Map<string, Serdes>()
    for (const { nodes, stores } of plan.subtopologies) {
      for (const node of nodes) {
        if (node.type === 'source') for (const topic of node.topics) serdes.set(topic, node)
        else if (node.type === 'sink' && typeof node.topic === 'string' && !serdes.has(node.topic))
          serdes.set(node.topic, node)
      }
      // Others have keys and values of a form of their own.
      for (const { spec, changelogTopic } of stores) {
        if (changelogTopic !== serdeTopicOf(spec) || spec.kind !== 'key-value') continue
        if (spec.changelogParts !== true) serdes.set(changelogTopic, spec)
      }
    }
    this.#serdes = serdes
  }

  /** @param isLogged false for what the rebuild has written: its offset is not one of the log */
  input({ topic, partition, raw, head }: StepInput, isLogged: boolean): ShownRecord {
    const offset = isLogged ? raw.offset : null
    if (head === null) return this.logged({ topic, partition }, raw)
    const { key, value } = head
    return {
      topic,
      partition,
      offset,
      timestamp: raw.timestamp,
      key: shown(key),
      value: shown(value),
      headers: headersOf(raw.headers),
    }
  }

  written({ topic, partition, key, value, timestamp, headers }: RebuiltRecord): ShownRecord {
    return this.#shown({ topic, partition }, null, { key, value, timestamp, headers })
  }

  logged(at: TopicPartition, record: LogRecord): ShownRecord {
    return this.#shown(at, record.offset, record)
  }

  #shown(
    { topic, partition }: TopicPartition,
    offset: number | null,
    { key, value, timestamp, headers }: Pick<LogRecord, 'key' | 'value' | 'timestamp' | 'headers'>,
  ): ShownRecord {
    const serdes = this.#serdes.get(topic)
    const text = (bytes: Buffer | null, serde: Serde<unknown> | undefined): Shown =>
      bytes === null ? null : read(topic, bytes, serde, headers)
    return {
      topic,
      partition,
      offset,
      timestamp,
      key: text(key, serdes?.keySerde),
      value: text(value, serdes?.valueSerde),
      headers: headersOf(headers),
    }
  }
}

function read(topic: string, bytes: Buffer, serde: Serde<unknown> | undefined, headers: Headers): Shown {
  if (serde === undefined) return shownBytes(bytes)
  try {
    return shown(serde.deserialize(topic, bytes, headers))
  } catch {
    return shownBytes(bytes)
  }
}

function headersOf(headers: Headers): Record<string, Shown> {
  return Object.fromEntries(Array.from(headers, ({ key, value }) => [key, value === null ? null : shownBytes(value)]))
}
