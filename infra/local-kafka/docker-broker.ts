import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { join, resolve } from 'node:path'
import { LocalKafkaError } from './errors.ts'
import { type Release, startHeld } from './held-directory.ts'
import type { LocalKafka, LocalKafkaOptions } from './local-kafka.ts'
import { choosePort, freePorts, waitUntilAnswering } from './readiness.ts'
import { imageEnvironment, serverProperties } from './server-properties.ts'
import { ask } from './tools.ts'

/*
 * Owns one container of the cp-kafka image.
 * 1. Unless detached, the container never outlives this process (watched.sh removes it).
 * 2. Data of a temporary broker is the image's anonymous volume and goes with the container; a data
 *    directory maps to a named volume (the image's user could not write to a host directory).
 * 3. A kept volume is held against other starts: until stop(), or for a detached container while it starts.
 */

/** Kafka 4.0, as the other services run it. */
export const KAFKA_IMAGE = 'confluentinc/cp-kafka:8.0.0'
const IMAGE_KAFKA_VERSION = '4.0'
const CLUSTER_ID = 'cmlkZS1zdHJlYW1zLWxvYw'
const DATA = '/var/lib/kafka/data'
// Includes the first pull of the image.
const START_TIMEOUT_MS = 600_000
const DOCKER_TIMEOUT_MS = 60_000
const WATCHED = join(import.meta.dirname, 'watched.sh')

/** Starts the cp-kafka image. The engine must be running (see dockerRuns). */
export function startDockerBroker(options: LocalKafkaOptions = {}): Promise<LocalKafka> {
  return startHeld(options, (release) => start(options, release))
}

async function start(options: LocalKafkaOptions, release: Release): Promise<LocalKafka> {
  const port = await choosePort(options, (await freePorts(1))[0] ?? 0)
  const name = `ride-streams-kafka-${randomBytes(4).toString('hex')}`
  const volume = options.dataDir === undefined ? null : volumeOf(options.dataDir)
  const run = ['run', '--name', name, ...runArguments(port, volume, options.properties ?? {}), KAFKA_IMAGE]
  options.onProgress?.({ step: 'starting', text: `starting ${KAFKA_IMAGE}` })
  await up(name, port, run, options)

  const remove = async () => {
    await ask('docker', ['rm', '-f', '-v', name], DOCKER_TIMEOUT_MS)
  }
  return {
    bootstrap: `127.0.0.1:${port}`,
    kind: 'docker',
    version: IMAGE_KAFKA_VERSION,
    dataDir: volume ?? `anonymous volume of ${name}`,
    pid: null,
    container: name,
    ended: new Promise(() => undefined),
    async stop() {
      if (volume !== null) await ask('docker', ['stop', name], DOCKER_TIMEOUT_MS)
      await remove()
      await release()
    },
    async kill() {
      await ask('docker', ['kill', name], DOCKER_TIMEOUT_MS)
    },
    async restart() {
      await ask('docker', ['stop', name], DOCKER_TIMEOUT_MS)
      await up(name, port, ['start', '--attach', name], options)
    },
  }
}

/** Docker's name for the data of that directory. */
export function volumeOf(dataDir: string): string {
  return `ride-streams-${createHash('sha256').update(resolve(dataDir)).digest('hex').slice(0, 12)}`
}

/** Makes the image a single-node broker that the host reaches at 127.0.0.1:port (container port 9092). */
export function containerEnvironment(
  port: number,
  extra: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const properties = serverProperties(
    {
      listeners: 'PLAINTEXT://0.0.0.0:9092,CONTROLLER://0.0.0.0:9093',
      advertised: `PLAINTEXT://127.0.0.1:${port}`,
      controllerQuorum: '1@localhost:9093',
      logDir: DATA,
    },
    // Inside the container the advertised address is not reachable: the broker talks to itself on its own listener.
    {
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT',
      listeners: 'PLAINTEXT://0.0.0.0:9092,INTERNAL://0.0.0.0:9094,CONTROLLER://0.0.0.0:9093',
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${port},INTERNAL://localhost:9094`,
      'inter.broker.listener.name': 'INTERNAL',
      ...extra,
    },
  )
  return { CLUSTER_ID, ...imageEnvironment(properties) }
}

function runArguments(port: number, volume: string | null, extra: Readonly<Record<string, string>>): string[] {
  return [
    ...['--publish', `127.0.0.1:${port}:9092`],
    ...(volume === null ? [] : ['--volume', `${volume}:${DATA}`]),
    ...Object.entries(containerEnvironment(port, extra)).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
  ]
}

/** Runs `docker run` or `docker start` in the foreground under watched.sh, and waits for the broker to answer. */
async function up(name: string, port: number, command: readonly string[], options: LocalKafkaOptions): Promise<void> {
  let gone = false
  let output = ''
  if (options.detached) {
    const started = await ask('docker', [command[0] ?? '', '--detach', ...command.slice(1)], START_TIMEOUT_MS)
    gone = !started.ok
    output = started.text
  } else {
    const watched = [WATCHED, '/dev/null', '', name, 'docker', ...command]
    const child = spawn('/bin/sh', watched, { detached: true, stdio: ['pipe', 'ignore', 'pipe'] })
    child.stderr.on('data', (chunk: Buffer) => {
      output = `${output}${chunk.toString()}`.slice(-2000)
    })
    child.once('error', () => {
      gone = true
    })
    child.once('exit', () => {
      gone = true
    })
    child.unref()
    for (const stream of [child.stdin, child.stderr]) (stream as { unref?: () => void }).unref?.()
  }
  if (!gone && (await waitUntilAnswering('127.0.0.1', port, START_TIMEOUT_MS, () => gone))) return
  await ask('docker', ['rm', '-f', '-v', name], DOCKER_TIMEOUT_MS)
  throw new LocalKafkaError(`${KAFKA_IMAGE} did not start: ${output.trim().split('\n').slice(-4).join(' | ')}`)
}
