import { loadConfig, startKafkaStreams } from 'ride-streams'

const [brokers = ''] = process.argv.slice(2)
const streams = await startKafkaStreams({
  module: new URL('./vehicles.js', import.meta.url).href,
  config: loadConfig({ KAFKA_BROKERS: brokers, APPLICATION_ID: 'bundled', STATE_DIR: './bundled-state' }),
})
if ((await streams.tasks()).length === 0) throw new Error('no task')
await streams.close()
