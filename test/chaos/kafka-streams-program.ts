import { once } from 'node:events'
import { buildKafkaStreamsPeer, startKafkaStreamsPeer } from '../../bench/peers/kafka-streams.ts'
import { atEndOfTestProcess } from '../support/at-end-of-test.ts'
import type { Program, RunningProgram } from './program.ts'

/** The same job on Kafka Streams (Java), to compare its figures with ours. It reports nothing about itself but RUNNING. */
export const KAFKA_STREAMS: Program = {
  name: 'kafka-streams',
  markers: 50,
  async start(setup): Promise<RunningProgram> {
    const { bootstrap, applicationId, stateDir, sessionTimeoutMs, standbys, transactionTimeoutMs } = setup
    await buildKafkaStreamsPeer()
    const peer = await startKafkaStreamsPeer({
      bootstrap,
      applicationId,
      stateDir,
      threads: 1,
      sessionTimeoutMs,
      standbys,
      transactionTimeoutMs: transactionTimeoutMs ?? undefined,
      ownGroup: true,
    })
    const child = peer.process
    let isRunning = false
    peer.running.then(
      () => {
        isRunning = true
      },
      // Its end is seen by exit code.
      () => undefined,
    )
    const guard = atEndOfTestProcess('kill -9 "$0"', [String(peer.pid)])
    const hasEnded = () => child.exitCode !== null || child.signalCode !== null
    return {
      pid: peer.pid,
      url: null,
      get isRunning() {
        return !hasEnded()
      },
      log: [],
      ready: () => peer.running,
      isReady: async () => isRunning,
      processed: async () => null,
      moveThreads: () => Promise.reject(new Error('Kafka Streams gets no thread from outside')),
      signal: (signal) => void child.kill(signal),
      async end(signal) {
        if (!hasEnded()) {
          const exit = once(child, 'exit')
          child.kill(signal)
          await exit
        }
        guard.kill('SIGKILL')
        // Java reports a clean end by SIGTERM as 143.
        return child.exitCode === 143 ? 0 : child.exitCode
      },
    }
  },
}
