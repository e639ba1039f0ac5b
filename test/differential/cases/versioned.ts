import type { VersionedSpec } from '../../../state/ports/store-spec.ts'
import type { VersionedKeyValueStore, VersionedRecord } from '../../../state/ports/stores.ts'
import type { Processor, ProcessorContext, Serde, StreamRecord, StreamsBuilder } from '../../../topology/index.ts'
import type { DslCases } from '../case.ts'
import { even, kv, kvLong, L, number, OUT, OUT_L, pair, reference, S, SS, type Text } from '../values.ts'

const history = (historyRetentionMs: number): VersionedSpec => ({
  kind: 'versioned',
  name: 'history',
  keySerde: S as Serde<unknown>,
  valueSerde: S as Serde<unknown>,
  logging: true,
  caching: false,
  historyRetentionMs,
})
const table = (b: StreamsBuilder, topic: string, name: string) =>
  b.table<string, Text>(topic, { ...SS, materialized: { ...kv(name), historyRetentionMs: 5000 } })

/** Twins of VersionedCases.java. */
export const versionedCases: DslCases = {
  'versioned-store-as-of': (b) => {
    b.addStateStore(history(4000))
    b.stream<string, Text>('in', SS)
      .process(() => new AsOf(), { stores: ['history'] })
      .to('out', OUT)
  },
  'versioned-store-delete': (b) => {
    b.addStateStore(history(6000))
    b.stream<string, Text>('in', SS)
      .process(() => new Delete(), { stores: ['history'] })
      .to('out', OUT)
  },
  'versioned-table': (b) => table(b, 'in', 'history').toStream().to('out', OUT),
  'versioned-table-filter': (b) =>
    table(b, 'in', 'history')
      .filter((_key, value) => even(value))
      .toStream()
      .to('out', OUT),
  'versioned-table-group': (b) =>
    table(b, 'in', 'history')
      .groupBy((_key, value) => [reference(value), number(value)], { keySerde: S, valueSerde: L })
      .reduce({ adder: (a, v) => a + v, subtractor: (a, v) => a - v, materialized: kvLong('sums') })
      .toStream()
      .to('out', OUT_L),
  'versioned-table-table': (b) =>
    table(b, 'left', 'lefts')
      .join(table(b, 'right', 'rights'), { joiner: pair })
      .toStream()
      .to('out', OUT),
  'versioned-aggregate': (b) =>
    b
      .stream<string, Text>('in', SS)
      .groupByKey(SS)
      .aggregate({
        initializer: () => '',
        aggregator: (_key, value, aggregate) => aggregate + value,
        materialized: { ...kv('history'), historyRetentionMs: 5000 },
      })
      .toStream()
      .to('out', OUT),
}

/** Without validTo: Java's store never fills it in for single reads. */
function shown(row: VersionedRecord<string> | null): string {
  return row === null ? '-' : `${row.value}@${row.timestamp}`
}

/** Java's answers to put: -1 for the latest version, the least long for one that was not taken. */
function answer(put: number | null | undefined): string {
  return put === undefined ? '-9223372036854775808' : `${put ?? -1}`
}

abstract class Versions implements Processor<string, Text, string, string> {
  protected history!: VersionedKeyValueStore<string, string>
  #context!: ProcessorContext<string, string>

  init(context: ProcessorContext<string, string>): void {
    this.#context = context
    this.history = context.store('history')
  }

  protected forward(record: StreamRecord<string, Text>, value: string): void {
    this.#context.forward({ ...record, value })
  }

  abstract process(record: StreamRecord<string, Text>): void
}

/** Writes at the record's time, then reads now, as of a second before, and as of three seconds before. */
class AsOf extends Versions {
  process(record: StreamRecord<string, Text>): void {
    const { history } = this
    const { key, value, timestamp: now } = record
    if (key === null) return
    const put = answer(history.put(key, value, now))
    const asOf = (time: number) => shown(history.getAsOf(key, time))
    this.forward(
      record,
      `put ${put} now ${shown(history.get(key))} at ${asOf(now)} 1s ${asOf(now - 1000)} 3s ${asOf(now - 3000)}`,
    )
  }
}

/** Every fourth record deletes instead. */
class Delete extends Versions {
  process(record: StreamRecord<string, Text>): void {
    const { history } = this
    const { key, value, timestamp } = record
    if (key === null || value === null) return
    const did =
      number(value) % 4 === 0
        ? `deleted ${shown(history.delete(key, timestamp))}`
        : `put ${answer(history.put(key, value, timestamp))}`
    this.forward(record, `${did} now ${shown(history.get(key))}`)
  }
}
