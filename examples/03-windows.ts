/*
 * Views of each page, one final count per minute. Records come late: a minute stays open for ten seconds of grace, and
 * what comes later still goes to a topic of its own, so results and late topic together hold each view once. Time is that
 * of the records, so a replay gives the same results.
 */
import { KafkaStreams, StreamsBuilder, serdes, timeWindowedSerde, timeWindows } from 'ride-streams'

const MINUTE_MS = 60_000
const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
builder
  .stream<string, string>('views')
  .groupByKey()
  .windowedBy(timeWindows({ sizeMs: MINUTE_MS, graceMs: 10_000 }))
  .emitStrategy('on-window-close')
  .lateRecordsTo('late-views')
  .count({ materialized: { name: 'views-per-minute' } })
  .toStream()
  .to('minutes', { keySerde: timeWindowedSerde(serdes.string, MINUTE_MS), valueSerde: serdes.int64 })

export const topology = builder.build()

if (import.meta.main) {
  await new KafkaStreams(topology, { applicationId: 'page-views', brokers: 'localhost:9092' }).start()
}
