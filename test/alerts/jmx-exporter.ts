import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cacheDir } from '../../infra/local-kafka/jars.ts'
import { findJava } from '../../infra/local-kafka/tools.ts'
import { composeServices } from '../infra/local-kafka/compose-services.ts'
import { atEndOfTestProcess } from '../support/at-end-of-test.ts'
import { projectRoot } from '../support/run-cli.ts'

/** Options of a JVM that lets the exporter look in, from this machine only. */
export function remoteJmx(port: number): readonly string[] {
  const remote = '-Dcom.sun.management.jmxremote'
  return [
    `${remote}.port=${port}`,
    `${remote}.rmi.port=${port}`,
    `${remote}.host=127.0.0.1`,
    '-Djava.rmi.server.hostname=127.0.0.1',
    `${remote}.authenticate=false`,
    `${remote}.ssl=false`,
  ]
}

/** The exporter of docker-compose.yaml with ops/jmx/kafka.yml, of which only the broker's address is changed. */
export class JmxExporter {
  readonly #child: ChildProcess
  readonly #directory: string

  static async start(port: number, broker: string): Promise<JmxExporter> {
    const jar = await exporterJar()
    const directory = await mkdtemp(join(tmpdir(), 'ride-jmx-'))
    const rules = await readFile(join(projectRoot, 'ops/jmx/kafka.yml'), 'utf8')
    const config = join(directory, 'kafka.yml')
    await writeFile(config, rules.replace(/^hostPort: .*$/m, `hostPort: ${broker}`))
    const java = (await findJava())?.command ?? 'java'
    const child = spawn(java, ['-Xmx64m', '-jar', jar, `127.0.0.1:${port}`, config], {
      stdio: 'ignore',
    })
    const guard = atEndOfTestProcess('kill -9 "$0"', [String(child.pid)])
    child.once('exit', () => guard.kill('SIGKILL'))
    await once(child, 'spawn')
    return new JmxExporter(child, directory)
  }

  private constructor(child: ChildProcess, directory: string) {
    this.#child = child
    this.#directory = directory
  }

  async stop(): Promise<void> {
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exit
    await rm(this.#directory, { recursive: true, force: true })
  }
}

/** The artifact that docker-compose.yaml names, by the same plugin of Maven, kept in the cache of this machine. */
async function exporterJar(): Promise<string> {
  const command = (await composeServices())['kafka-exporter']?.command?.join(' ') ?? ''
  const [, artifact = '', name = '', version = ''] = /-Dartifact=([\w.]+:(\w+):([\d.]+))/.exec(command) ?? []
  const jar = join(cacheDir(), `${name}-${version}.jar`)
  if (existsSync(jar)) return jar
  const args = ['-q', '-B', 'dependency:copy', `-Dartifact=${artifact}`, `-DoutputDirectory=${cacheDir()}`]
  const [code] = (await once(spawn('mvn', args, { stdio: 'inherit', cwd: tmpdir() }), 'exit')) as [number | null]
  if (code !== 0) throw new Error(`Maven could not fetch ${artifact}`)
  return jar
}
