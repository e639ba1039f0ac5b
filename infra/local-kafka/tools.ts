import { execFile } from 'node:child_process'
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

/** The `java` command if it is version 17 or newer, else null. JAVA_HOME comes before PATH. */
export async function findJava(env: NodeJS.ProcessEnv = process.env): Promise<string | null> {
  const candidates = env.JAVA_HOME ? [join(env.JAVA_HOME, 'bin', 'java'), 'java'] : ['java']
  for (const java of candidates) {
    const { ok, text } = await ask(java, ['-version'])
    const major = /version "(\d+)/.exec(text)?.[1]
    if (ok && Number(major) >= 17) return java
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
