import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { PeerOptions, RunningPeer } from '../peer.ts'
import { peerProcess } from './peer-process.ts'

const PROGRAM = fileURLToPath(new URL('../operators/program.ts', import.meta.url))
const OPTIONS = ['--conditions=ride-streams-source', '--disable-warning=ExperimentalWarning']

/** One operator (bench/operators) as a user of the package runs it, with the defaults. */
export async function startOperator(options: PeerOptions, name: string, out: string): Promise<RunningPeer> {
  const child = spawn(process.execPath, [...OPTIONS, PROGRAM], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      KAFKA_BROKERS: options.bootstrap,
      APPLICATION_ID: options.applicationId,
      NUM_STREAM_THREADS: String(options.threads),
      STATE_DIR: options.stateDir,
      PROCESSING_GUARANTEE: 'exactly_once_v2',
      OPERATOR: name,
      OPERATOR_OUT: out,
    },
  })
  return peerProcess(child)
}
