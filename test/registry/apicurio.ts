import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { projectRoot } from '../support/run-cli.ts'

const run = promisify(execFile)
const VERSION = '2.6.13.Final'
const NAME = 'apicurio-registry-app'
const CACHE = join(projectRoot, 'node_modules', '.cache', `apicurio-${VERSION}`)
const START_MS = 120_000

/** Apicurio Registry with its rows in memory. Its Confluent-compatible API is at `url`. */
export class Apicurio {
  readonly url: string
  readonly #process: ChildProcess

  private constructor(url: string, process: ChildProcess) {
    this.url = url
    this.#process = process
  }

  static async start(): Promise<Apicurio> {
    await download()
    const port = await freePort()
    const settings = [`-Dquarkus.http.port=${port}`, '-Dquarkus.http.host=127.0.0.1']
    const java = spawn('java', ['-Xmx300m', ...settings, '-jar', `${NAME}-${VERSION}-runner.jar`], {
      cwd: CACHE,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const apicurio = new Apicurio(`http://127.0.0.1:${port}/apis/ccompat/v7`, java)
    try {
      await apicurio.#ready()
      return apicurio
    } catch (error) {
      await apicurio.close()
      throw error
    }
  }

  async close(): Promise<void> {
    if (this.#process.exitCode !== null) return
    const closed = once(this.#process, 'exit')
    this.#process.kill()
    await closed
  }

  async #ready(): Promise<void> {
    const until = performance.now() + START_MS
    while (performance.now() < until && this.#process.exitCode === null) {
      const answer = await fetch(`${this.url}/subjects`).catch(() => null)
      if (answer?.ok === true) return
      await sleep(200)
    }
    throw new Error(`the registry did not start within ${START_MS} ms`)
  }
}

/** Complete, or not there: it is filled beside and renamed. */
async function download(): Promise<void> {
  if (existsSync(CACHE)) return
  const work = `${CACHE}.${process.pid}`
  await mkdir(work, { recursive: true })
  try {
    const artifact = `io.apicurio:${NAME}:${VERSION}:tar.gz:all`
    await run('mvn', ['-q', '-B', 'dependency:get', '-Dtransitive=false', `-Dartifact=${artifact}`])
    await run('mvn', ['-q', '-B', 'dependency:copy', `-Dartifact=${artifact}`, `-DoutputDirectory=${work}`])
    await run('tar', ['xzf', `${NAME}-${VERSION}-all.tar.gz`], { cwd: work })
    await rename(work, CACHE)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
