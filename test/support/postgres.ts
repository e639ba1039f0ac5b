import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { freePorts } from '../../infra/local-kafka/readiness.ts'
import { atEndOfTestProcess } from './at-end-of-test.ts'

export interface TestPostgres {
  readonly url: string
  stop(): Promise<void>
}

const NOBODY = 65_534

/** A Postgres of the test's own, from Debian's package. It refuses to run as root, so root starts it as nobody. */
export async function startPostgres(): Promise<TestPostgres> {
  const versions = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql') : []
  const version = versions.sort((a, b) => Number(a) - Number(b)).at(-1)
  if (version === undefined) throw new Error('no Postgres: apt-get install postgresql')
  const bin = join('/usr/lib/postgresql', version, 'bin')
  const directory = mkdtempSync(join(tmpdir(), 'ride-postgres-'))
  const isRoot = process.getuid?.() === 0
  if (isRoot) chownSync(directory, NOBODY, NOBODY)
  const who = isRoot ? { uid: NOBODY, gid: NOBODY } : {}
  const data = join(directory, 'data')
  const init = ['-D', data, '-A', 'trust', '-U', 'rides', '-E', 'UTF8', '--no-locale', '--no-sync']
  execFileSync(join(bin, 'initdb'), init, { ...who, stdio: 'ignore', cwd: directory })
  const [port = 0] = await freePorts(1)
  const settings = ['-c', 'listen_addresses=127.0.0.1', '-c', 'fsync=off', '-k', directory, '-p', String(port)]
  const child = spawn(join(bin, 'postgres'), ['-D', data, ...settings], {
    ...who,
    cwd: directory,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const guard = atEndOfTestProcess('kill -3 "$0"', [String(child.pid)])
  const lines = createInterface({ input: child.stderr })
  await new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => line.includes('ready to accept connections') && resolve())
    child.once('exit', (code) => reject(new Error(`postgres exited with ${code}`)))
  })
  return {
    url: `postgres://rides@127.0.0.1:${port}/postgres`,
    async stop() {
      const ended = once(child, 'exit')
      child.kill('SIGQUIT')
      await ended
      guard.kill('SIGKILL')
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
