import { KafkaStreams } from '../../../infra/streams/kafka-streams.ts'

/** One instance of the topology that makes calls, until SIGTERM. Prints `running` once it is in the group. */
const { CALLS_BROKERS = '', CALLS_APPLICATION = '', CALLS_STATE_DIR = '' } = process.env
const streams = new KafkaStreams(new URL('./topology.ts', import.meta.url), {
  ...{ applicationId: CALLS_APPLICATION, brokers: CALLS_BROKERS, stateDir: CALLS_STATE_DIR },
  ...{ numStreamThreads: 2, sessionTimeoutMs: 6000, logLevel: 'warn' },
})
process.once('SIGTERM', () => void streams.close())
await streams.start()
process.stdout.write('running\n')
const failure = await streams.stopped
if (failure !== null) {
  process.stderr.write(`${failure.stack}\n`)
  process.exitCode = 1
}
