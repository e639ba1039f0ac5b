import type { KeyValueStore } from '../../../../state/ports/stores.ts'
import type { Headers, Processor, ProcessorContext, StreamRecord } from '../../../../topology/index.ts'
import { even, number, type Text } from '../../values.ts'

/* Like the nested classes of ProcessorCases.java. */

abstract class Base<VIn, VOut> implements Processor<string, VIn, string, VOut> {
  protected context!: ProcessorContext<string, VOut>

  init(context: ProcessorContext<string, VOut>): void {
    this.context = context
  }

  protected forward(record: StreamRecord<string, VIn>, value: VOut): void {
    this.context.forward({ ...record, value })
  }

  abstract process(record: StreamRecord<string, VIn>): void
}

/** Forwards a record 0, 1 or 2 times. */
export class Fan extends Base<Text, string> {
  process(record: StreamRecord<string, Text>): void {
    const times = number(record.value) % 3
    for (let n = 0; n < times; n++) {
      this.context.forward({ ...record, value: `${record.value}.${n}`, timestamp: record.timestamp + n })
    }
  }
}

abstract class Counting<VOut> extends Base<Text, VOut> {
  protected counts!: KeyValueStore<string, number>

  override init(context: ProcessorContext<string, VOut>): void {
    super.init(context)
    this.counts = context.store('counts')
  }
}

export class Count extends Counting<number | null> {
  process(record: StreamRecord<string, Text>): void {
    const { counts } = this
    const { key, value } = record
    if (key === null) return
    if (value === null) {
      this.forward(record, counts.delete(key))
      return
    }
    const before = counts.putIfAbsent(key, 1)
    if (before !== null) counts.put(key, before + 1)
    this.forward(record, counts.get(key))
  }
}

export class CountValues extends Counting<string> {
  process(record: StreamRecord<string, Text>): void {
    const key = record.key ?? 'none'
    const times = (this.counts.get(key) ?? 0) + 1
    this.counts.put(key, times)
    if (times % 4 !== 0) this.forward(record, `${record.value}#${times}`)
  }
}

export class Metadata extends Base<Text, string> {
  process(record: StreamRecord<string, Text>): void {
    const { context } = this
    const metadata = context.recordMetadata()
    const time = context.currentStreamTimeMs()
    this.forward(record, `${metadata?.topic}/${metadata?.partition}@${time} ${context.taskId}`)
  }
}

/** Counts, and answers every record with a part of the store, forwards and backwards. */
export class Range extends Counting<string> {
  process(record: StreamRecord<string, Text>): void {
    const { counts } = this
    const { key, value } = record
    if (key === null) return
    counts.put(key, value === null ? null : number(value))
    const parts = [counts.range('b', 'c'), counts.reverseRange(null, 'c'), counts.all()]
    this.forward(record, parts.map((rows) => [...rows].map(([row, count]) => `${row}${count}`).join('')).join(' < '))
  }
}

export class SetHeaders extends Base<Text, Text> {
  process(record: StreamRecord<string, Text>): void {
    const { key, value } = record
    const kept = [...record.headers].filter((header) => value === null || !even(value) || header.key !== 'trace')
    const headers: Headers = [...kept, { key: 'seen', value: Buffer.from(`by-${key}`) }]
    this.context.forward({ ...record, headers })
  }
}

export class ShowHeaders extends Base<number | null, string> {
  process(record: StreamRecord<string, number | null>): void {
    const headers = [...record.headers].map(({ key, value }) => ` ${key}=${value}`)
    this.forward(record, `${record.value}${headers.join('')}`)
  }
}

export class Route extends Base<Text, Text> {
  process(record: StreamRecord<string, Text>): void {
    if (number(record.value) % 5 === 0) this.context.forward(record)
    else this.context.forward(record, even(record.value) ? 'even' : 'odd')
  }
}
