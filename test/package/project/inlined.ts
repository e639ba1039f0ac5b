import { KafkaStreams, StreamsBuilder, serdes } from 'ride-streams'

const [brokers = ''] = process.argv.slice(2)
const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
builder.stream<string, string>('trip.requested').groupByKey().count()
const streams = new KafkaStreams(builder.build(), {
  applicationId: 'inlined',
  brokers,
  stateDir: './inlined-state',
})
await streams.start()
if ((await streams.tasks()).length === 0) throw new Error('no task')
await streams.close()
