import { CORE_PROCESSORS, type ProcessorName } from '../../processors/processor-names.ts'
import { AppProcess } from '../../test/support/app-process.ts'
import type { PeerOptions, RunningPeer } from '../peer.ts'

/** This program, as an operator starts it: `ride-streams start` with its defaults, and the processors the peers have unless told otherwise. */
export async function startRideStreams(
  options: PeerOptions,
  processors: readonly ProcessorName[] = CORE_PROCESSORS,
): Promise<RunningPeer> {
  const app = await AppProcess.start({
    KAFKA_BROKERS: options.bootstrap,
    APPLICATION_ID: options.applicationId,
    NUM_STREAM_THREADS: String(options.threads),
    STATE_DIR: options.stateDir,
    PROCESSING_GUARANTEE: 'exactly_once_v2',
    PROCESSORS: processors.join(),
  })
  return {
    pid: app.pid,
    running: app.ready(),
    restoring: () => {
      const line = app.log.find((one) => one.includes('"msg":"restoring a store"'))
      return line === undefined ? null : new Date((JSON.parse(line) as { time: string | number }).time).getTime()
    },
    stop: async () => {
      await app.end('SIGTERM')
    },
    kill: async () => {
      await app.end('SIGKILL')
    },
  }
}
