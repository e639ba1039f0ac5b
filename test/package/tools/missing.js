/* Traces need packages that an install of the engine does not bring. No broker is asked before they are there. */
import { loadConfig, MissingPackageError, startKafkaStreams } from 'ride-streams'

const config = loadConfig({
  KAFKA_BROKERS: '127.0.0.1:1',
  APPLICATION_ID: 'traced',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:2',
})
try {
  await startKafkaStreams({ module: import.meta.url, config })
  throw new Error('it started')
} catch (error) {
  if (!(error instanceof MissingPackageError) || error.packages.length !== 5) throw error
}
