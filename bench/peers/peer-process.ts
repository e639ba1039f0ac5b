import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { RunningPeer } from '../peer.ts'

/** A peer in a process of its own. */
export interface PeerProcess extends RunningPeer {
  readonly process: ChildProcess
}

/** Follows a program that prints RESTORING when a store restores, and RUNNING once all tasks run. Its stdout must be a pipe. */
export async function peerProcess(child: ChildProcess): Promise<PeerProcess> {
  await once(child, 'spawn')
  const ended = once(child, 'exit')
  // A bench that fails must not leave it behind.
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  let restoring: number | null = null
  const running = firstRunning(child, () => {
    restoring ??= Date.now()
  })
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    child.kill(signal)
    await ended
    process.off('exit', kill)
  }
  // A caller that does not wait for it must not die of it.
  running.catch(() => undefined)
  return {
    pid: child.pid ?? 0,
    process: child,
    running,
    restoring: () => restoring,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  }
}

async function firstRunning(child: ChildProcess, onRestoring: () => void): Promise<void> {
  if (child.stdout === null) throw new Error('no stdout')
  for await (const line of createInterface(child.stdout)) {
    if (line === 'RESTORING') onRestoring()
    if (line !== 'RUNNING') continue
    child.stdout.resume()
    return
  }
  throw new Error(`the peer ended with code ${child.exitCode} before it was running`)
}
