import { KafkaStreams } from 'ride-streams'

const [brokers = ''] = process.argv.slice(2)
const streams = new KafkaStreams(new URL('./vehicles.js', import.meta.url), {
  applicationId: 'bundled',
  brokers,
  stateDir: './bundled-state',
})
await streams.start()
if ((await streams.tasks()).length === 0) throw new Error('no task')
await streams.close()
