/* Counts the words of all lines. Each line changes some counts, and each change is a record of the output topic. */
import { KafkaStreams, StreamsBuilder, serdes } from 'ride-streams'

const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
builder
  .stream<string, string>('lines')
  .flatMapValues((line) => line.toLowerCase().match(/\w+/g) ?? [])
  .groupBy((_key, word) => word)
  .count({ materialized: { name: 'counts' } })
  .toStream()
  .to('word-counts', { valueSerde: serdes.int64 })

export const topology = builder.build()

if (import.meta.main) {
  await new KafkaStreams(topology, { applicationId: 'word-count', brokers: 'localhost:9092' }).start()
}
