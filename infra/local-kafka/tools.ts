import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

const PROBE_TIMEOUT_MS = 5000

interface Output {
  readonly ok: boolean
  readonly text: string
}

/** Runs a command for its answer; a missing command, a failure or a timeout is `ok: false`. */
export function ask(command: string, args: readonly string[], timeoutMs = PROBE_TIMEOUT_MS): Promise<Output> {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: timeoutMs, windowsHide: true }, (error, stdout, stderr) => {
      resolve({ ok: error === null, text: `${stdout}${stderr}`.trim() })
    })
  })
}

/** True when a Docker engine answers; the client alone is not enough. */
export async function dockerRuns(): Promise<boolean> {
  const { ok, text } = await ask('docker', ['info', '--format', '{{.ServerVersion}}'])
  return ok && /^\d/.test(text)
}

export interface Java {
  readonly command: string
  /** Short and stable for this build of Java on this machine. */
  readonly id: string
}

/** Java 17 or newer, else null. JAVA_HOME comes before PATH. */
export async function findJava(env: NodeJS.ProcessEnv = process.env): Promise<Java | null> {
  const candidates = env.JAVA_HOME ? [join(env.JAVA_HOME, 'bin', 'java'), 'java'] : ['java']
  for (const command of candidates) {
    const { ok, text } = await ask(command, ['-version'])
    const major = /version "(\d+)/.exec(text)?.[1]
    if (!ok || !(Number(major) >= 17)) continue
    return { command, id: createHash('sha256').update(`${command} ${text}`).digest('hex').slice(0, 12) }
  }
  return null
}

export async function mavenRuns(): Promise<boolean> {
  return (await ask('mvn', ['--version'], 15_000)).ok
}

/** The command line of a process, '' when there is none. */
export async function commandLineOf(pid: number): Promise<string> {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ')
  } catch {
    // No such process, or a system without /proc.
    const { ok, text } = await ask('ps', ['-o', 'args=', '-p', String(pid)])
    return ok ? text : ''
  }
}
