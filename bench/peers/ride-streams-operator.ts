import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { PeerOptions, RunningPeer } from '../peer.ts'

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
  await once(child, 'spawn')
  const ended = once(child, 'exit')
  const killAtExit = () => child.kill('SIGKILL')
  process.once('exit', killAtExit)
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    child.kill(signal)
    await ended
    process.off('exit', killAtExit)
  }
  const running = firstRunning(child.stdout, ended)
  running.catch(() => undefined)
  return {
    pid: child.pid ?? 0,
    running,
    restoring: () => null,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  }
}

async function firstRunning(stdout: NodeJS.ReadableStream, ended: Promise<unknown>): Promise<void> {
  const isRunning = new Promise<true>((resolve) => {
    createInterface(stdout).on('line', (line) => {
      if (line === 'RUNNING') resolve(true)
    })
  })
  if ((await Promise.race([isRunning, ended])) !== true) throw new Error('the operator ended before it was running')
}
