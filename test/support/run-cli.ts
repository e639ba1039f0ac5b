import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Command } from 'commander'
import { atEndOfTestProcess } from './at-end-of-test.ts'
import { QUICK_JVM } from './quick-jvm.ts'

export const projectRoot = join(import.meta.dirname, '../..')
const binary = join(projectRoot, 'bin/ride-streams')

export interface CliResult {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export type CliEnv = Readonly<Record<string, string>>

/** Starts bin/ride-streams with a clean environment: no variable of the program leaks in from outside. It dies with the tests. */
export function spawnCli(args: readonly string[], env: CliEnv = {}): ChildProcess {
  const { PATH = '', HOME = '', JAVA_HOME, DOCKER_HOST } = process.env
  const inherited = { PATH, HOME, ...(JAVA_HOME ? { JAVA_HOME } : {}), ...(DOCKER_HOST ? { DOCKER_HOST } : {}) }
  // Java reads its options from there: the broker of `dev` or `kafka up` is one of tests, too.
  const jvm = { JDK_JAVA_OPTIONS: QUICK_JVM.join(' ') }
  const child = spawn(binary, [...args], {
    env: { ...inherited, ...jvm, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const guard = atEndOfTestProcess('kill -9 "$0"', [String(child.pid)])
  child.once('exit', () => guard.kill('SIGKILL'))
  return child
}

/** Waits for the end of a spawned command. */
export async function resultOf(child: ChildProcess): Promise<CliResult> {
  if (child.stdout === null || child.stderr === null) throw new Error('the output of the child is not piped')
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  const [stdout, stderr, [code, signal]] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { code, signal, stdout, stderr }
}

/** Runs one command line to its end. */
export function runCli(args: readonly string[], env: CliEnv = {}): Promise<CliResult> {
  return resultOf(spawnCli(args, env))
}

/** The command does something itself, whether or not it has subcommands (`topology`, `topology diff`). */
export function isRunnable(command: Command): boolean {
  return Reflect.get(command, '_actionHandler') != null
}
