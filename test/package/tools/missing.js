/* Traces need packages that an install of the engine does not bring. No broker is asked before they are there. */
import { KafkaStreams, MissingPackageError, StreamsBuilder, serdes } from 'ride-streams'

const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
builder.stream('words').to('same')
const streams = new KafkaStreams(builder.build(), {
  applicationId: 'traced',
  brokers: '127.0.0.1:1',
  otelEndpoint: 'http://127.0.0.1:2',
})
try {
  await streams.start()
  throw new Error('it started')
} catch (error) {
  if (!(error instanceof MissingPackageError) || error.packages.length !== 5) throw error
}
