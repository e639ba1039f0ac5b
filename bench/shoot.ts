import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

export interface ShotSetup {
  readonly url: string
  /** Requested in turn. */
  readonly paths: readonly string[]
  readonly connections: number
  readonly seconds: number
  /** null = as many as go. */
  readonly perSecond: number | null
}

export interface Shot {
  readonly perSecond: number
  /** ms */
  readonly p50: number
  readonly p99: number
  /** Requests without an answer 2xx. */
  readonly failed: number
}

/** autocannon against a server, in a process of its own. */
export async function shoot(setup: ShotSetup): Promise<Shot> {
  const script = new URL('./shoot-process.ts', import.meta.url).pathname
  const { stdout } = await promisify(execFile)(process.execPath, [script, JSON.stringify(setup)])
  return JSON.parse(stdout) as Shot
}
