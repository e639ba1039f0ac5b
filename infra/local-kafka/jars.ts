import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { LocalKafkaError, NoKafkaError } from './errors.ts'
import type { KafkaProgress } from './local-kafka.ts'
import { withProcessLock } from './process-lock.ts'
import { mavenRuns } from './tools.ts'

/*
 * Owns the per-machine cache of Kafka's jars.
 * 1. `kafka-<version>/` exists only when it is complete: it is filled beside and renamed.
 * 2. One process downloads at a time; the others wait and find the result.
 */

/** Kafka 4.x and 3.9 speak slf4j 1.7; without a binding the broker would have no log. */
const SLF4J_VERSION = '1.7.36'

export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'ride-streams')
}

/** The directory with all jars of that Kafka version, downloaded by Maven if this machine does not have them yet. */
export async function kafkaJars(
  version: string,
  onProgress: (progress: KafkaProgress) => void,
  cache: string = cacheDir(),
): Promise<string> {
  if (!/^\d+\.\d+\.\d+$/.test(version)) throw new LocalKafkaError(`'${version}' is not a Kafka version like 4.2.1`)
  const jars = join(cache, `kafka-${version}`)
  if (existsSync(jars)) return jars
  await mkdir(cache, { recursive: true })
  const waiting = () => onProgress({ step: 'waiting', text: `another process is downloading Kafka ${version}` })
  await withProcessLock(`${jars}.turns`, waiting, async () => {
    if (existsSync(jars)) return
    if (!(await mavenRuns())) throw new NoKafkaError(`Kafka ${version} is not in ${cache} and there is no Maven`)
    // A killed download leaves its directory behind; no other process works on this version now.
    const downloads = `download-${version}-`
    const left = (await readdir(cache)).filter((name) => name.startsWith(downloads))
    await Promise.all(left.map((name) => rm(join(cache, name), { recursive: true, force: true })))
    const work = await mkdtemp(join(cache, downloads))
    try {
      await writeFile(join(work, 'pom.xml'), pom(version))
      await runMaven(work, onProgress)
      await rename(join(work, 'jars'), jars)
    } finally {
      await rm(work, { recursive: true, force: true })
    }
  })
  return jars
}

/** Class path of a directory of jars, in an order that never changes (a class archive is bound to it). */
export async function jarList(directory: string): Promise<string> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.jar')).sort()
  return names.map((name) => join(directory, name)).join(delimiter)
}

function pom(version: string): string {
  const dependency = (group: string, artifact: string, of: string) =>
    `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${of}</version></dependency>`
  return [
    '<project><modelVersion>4.0.0</modelVersion>',
    '<groupId>ride-streams</groupId><artifactId>local-kafka</artifactId><version>1</version><dependencies>',
    dependency('org.apache.kafka', 'kafka_2.13', version),
    dependency('org.slf4j', 'slf4j-simple', SLF4J_VERSION),
    '</dependencies></project>',
  ].join('\n')
}

/** Maven's own output tells what has arrived. Its first error says why it failed; the lines behind it are advice about Maven. */
async function runMaven(work: string, onProgress: (progress: KafkaProgress) => void): Promise<void> {
  const args = ['-B', '-f', join(work, 'pom.xml'), 'dependency:copy-dependencies', '-DincludeScope=runtime']
  args.push(`-DoutputDirectory=${join(work, 'jars')}`)
  const maven = spawn('mvn', args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const tail: string[] = []
  let firstError: string | null = null
  const arrived = { jars: 0, bytes: 0 }
  const onLine = (line: string) => {
    if (tail.push(line) > 8) tail.shift()
    firstError ??= /^\[ERROR\] (.*\S)/.exec(line)?.[1] ?? null
    const jar = /^Downloaded from .*\/([^/]+\.jar) \(([\d.]+) ([kM]?)B/.exec(line.replace(/^\[INFO\] /, ''))
    if (!jar) return
    arrived.jars++
    arrived.bytes += Number(jar[2]) * (jar[3] === 'M' ? 1e6 : jar[3] === 'k' ? 1e3 : 1)
    onProgress({ step: 'download', ...arrived, name: jar[1] ?? '' })
  }
  createInterface({ input: maven.stdout }).on('line', onLine)
  createInterface({ input: maven.stderr }).on('line', onLine)
  const code = await new Promise<number | null>((resolve, reject) => {
    maven.once('error', reject)
    maven.once('close', resolve)
  })
  if (code !== 0)
    throw new LocalKafkaError(`Maven could not fetch Kafka's jars: ${firstError ?? tail.join(' | ')}${proxyHint()}`)
}

/** Maven reads no variable of the environment for this. */
function proxyHint(env: NodeJS.ProcessEnv = process.env): string {
  const name = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'].find((one) => env[one])
  return name === undefined
    ? ''
    : ` (${name} is set, but Maven takes a proxy only from <proxies> in ~/.m2/settings.xml)`
}
