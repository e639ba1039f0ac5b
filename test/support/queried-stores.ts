import type { Plan } from '../../topology/plan.ts'
import { serdes } from '../../topology/serdes.ts'
import { StreamsBuilder } from '../../topology/streams-builder.ts'
import { sessionWindows, timeWindows } from '../../topology/windows.ts'

/*
 * A topology with a store of every kind, each over three partitions: the module that stream threads load for
 * store-queries.test.ts.
 */

export const MINUTE = 60_000
export const PARTITIONS = 3
export const TOPICS = ['words', 'ids', 'prices', 'blobs', 'told', 'untold', 'tagged'] as const

/** How the producers of `told` and `untold` choose partitions. */
export const byLastLetter = (_topic: string, key: unknown, _value: unknown, count: number): number =>
  (String(key).codePointAt(String(key).length - 1) ?? 0) % count

export function buildPlan({ applicationId }: { readonly applicationId: string }): Plan {
  const text = { keySerde: serdes.string, valueSerde: serdes.string }
  const topic = (name: (typeof TOPICS)[number]): string => `${applicationId}-in-${name}`
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
  const words = builder.stream<string, string>(topic('words'), text).groupByKey()
  const minutes = timeWindows({ sizeMs: MINUTE })
  words.windowedBy(minutes).count({ materialized: { name: 'by-minute', retentionMs: 60 * MINUTE } })
  words
    .windowedBySession(sessionWindows({ inactivityGapMs: 10_000, graceMs: 60 * MINUTE }))
    .count({ materialized: { name: 'visits' } })
  builder
    .stream<number, string>(topic('ids'), { keySerde: serdes.int64, valueSerde: serdes.string })
    .groupByKey()
    .windowedBy(minutes)
    .count({ materialized: { name: 'ids-by-minute', retentionMs: 60 * MINUTE } })
  builder.table<string, string>(topic('prices'), {
    ...text,
    materialized: { name: 'prices', historyRetentionMs: 60 * MINUTE },
  })
  builder.table<Buffer, Buffer>(topic('blobs'), {
    keySerde: serdes.bytes,
    valueSerde: serdes.bytes,
    materialized: { name: 'blobs' },
  })
  builder.table<string, string>(topic('told'), {
    ...text,
    partitioner: byLastLetter,
    materialized: { name: 'told' },
  })
  builder.table<string, string>(topic('untold'), { ...text, materialized: { name: 'untold' } })
  builder
    .stream<string, string>(topic('tagged'), text)
    .repartition({ name: 'by-letter', ...text, partitioner: byLastLetter })
    .groupByKey()
    .count({ materialized: { name: 'by-letter' } })
  return builder.build().build({ applicationId })
}

export const views = { 'by-letter': (key: unknown, stored: unknown): unknown => ({ key, stored }) }
