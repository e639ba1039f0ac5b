import { KafkaStreams, loadConfig } from 'ride-streams'

/* An instance as a user of the package writes it. Prints RUNNING once all tasks run; SIGTERM ends it. */
const streams = new KafkaStreams(new URL('./topology.ts', import.meta.url), { ...loadConfig(process.env) })
process.once('SIGTERM', () => void streams.close())
await streams.start()
process.stdout.write('RUNNING\n')
const failure = await streams.stopped
if (failure !== null) throw failure
