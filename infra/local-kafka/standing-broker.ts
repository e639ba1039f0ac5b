import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { volumeOf } from './docker-broker.ts'
import { SeveralBrokersError } from './errors.ts'
import { endDetached, PROPERTIES_FILE } from './kafka-jvm.ts'
import type { LocalKafka, LocalKafkaOptions } from './local-kafka.ts'
import { withProcessLock } from './process-lock.ts'
import { answers } from './readiness.ts'
import { startLocalKafka } from './resolve.ts'
import { ask, commandLineOf } from './tools.ts'

/*
 * Owns the brokers that `kafka up` left running: one JSON file each in the user's registry directory.
 * 1. At most one broker per data directory; up and down take turns (lock).
 * 2. A file whose process or container is gone is forgotten. A pid is ours only if its command line names
 *    our data directory: pids are given away again.
 */

/** A broker that stays up until `kafka down`. Plain data, also for --json. */
export interface StandingBroker {
  readonly bootstrap: string
  readonly kind: LocalKafka['kind']
  readonly version: string
  readonly pid: number | null
  readonly container: string | null
  readonly dataDir: string
  /** ISO 8601, UTC. */
  readonly startedAt: string
}

export interface StandingOptions extends Pick<LocalKafkaOptions, 'port' | 'dataDir' | 'kafkaVersion' | 'onProgress'> {
  /** Where the user's brokers are registered; default per user. */
  readonly registry?: string
}

export interface UpResult {
  readonly broker: StandingBroker
  readonly alreadyUp: boolean
}

export interface StatusRow extends StandingBroker {
  /** Whether it answers a request right now. */
  readonly answering: boolean
}

function userDir(): string {
  return join(process.env.XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'ride-streams')
}

const registryOf = (options: { registry?: string }): string => options.registry ?? join(userDir(), 'brokers')

/**
 * Makes sure that a broker is up: one that runs already is taken if it has the asked data directory (or port, or,
 * nothing being asked, whichever there is). Port 9092 unless asked otherwise or taken. Data stays after down.
 * Throws as startLocalKafka.
 */
export async function standingKafkaUp(options: StandingOptions = {}): Promise<UpResult> {
  const registry = registryOf(options)
  await mkdir(registry, { recursive: true })
  const waiting = () => options.onProgress?.({ step: 'waiting', text: 'another kafka up or down is at work' })
  return withProcessLock(join(registry, 'turns'), waiting, async () => {
    const running = await readRegistry(registry)
    const match = running.find((broker) => isWhatWasAsked(broker, options))
    if (match) return { broker: match, alreadyUp: true }
    const dataDir = resolve(options.dataDir ?? join(userDir(), 'kafka'))
    const { port, kafkaVersion, onProgress } = options
    const kafka = await startLocalKafka({ port, usualPort: true, dataDir, kafkaVersion, onProgress, detached: true })
    const { bootstrap, kind, version, pid, container } = kafka
    const startedAt = new Date().toISOString()
    const broker: StandingBroker = { bootstrap, kind, version, pid, container, dataDir, startedAt }
    await writeFile(fileOf(registry, dataDir), `${JSON.stringify(broker, null, 2)}\n`)
    return { broker, alreadyUp: false }
  })
}

/**
 * Stops the broker of that data directory, the only one, or all of this user's; answers those it stopped. Data stays.
 * @throws SeveralBrokersError when nothing says which of several
 */
export async function standingKafkaDown(
  options: Pick<StandingOptions, 'dataDir' | 'registry'> & { readonly all?: boolean | undefined } = {},
): Promise<readonly StandingBroker[]> {
  const registry = registryOf(options)
  await mkdir(registry, { recursive: true })
  return withProcessLock(
    join(registry, 'turns'),
    () => undefined,
    async () => {
      const running = await readRegistry(registry)
      const { dataDir, all = false } = options
      if (dataDir === undefined && !all && running.length > 1) {
        throw new SeveralBrokersError(running.map((broker) => broker.dataDir))
      }
      const wanted = dataDir === undefined ? running : running.filter((b) => b.dataDir === resolve(dataDir))
      for (const broker of wanted) {
        await stop(broker)
        await rm(fileOf(registry, broker.dataDir), { force: true })
      }
      return wanted
    },
  )
}

/** This user's standing brokers. */
export async function standingKafkaStatus(
  options: Pick<StandingOptions, 'registry'> = {},
): Promise<readonly StatusRow[]> {
  const brokers = await readRegistry(registryOf(options))
  return Promise.all(
    brokers.map(async (broker) => ({ ...broker, answering: await answers('127.0.0.1', portOf(broker)) })),
  )
}

function isWhatWasAsked(broker: StandingBroker, { dataDir, port }: StandingOptions): boolean {
  if (dataDir !== undefined) return broker.dataDir === resolve(dataDir)
  return port === undefined || portOf(broker) === port
}

const portOf = (broker: StandingBroker): number => Number(broker.bootstrap.split(':').at(-1))

function fileOf(registry: string, dataDir: string): string {
  return join(registry, `${createHash('sha256').update(dataDir).digest('hex').slice(0, 16)}.json`)
}

async function readRegistry(registry: string): Promise<StandingBroker[]> {
  const names = await readdir(registry).catch(() => [])
  const brokers: StandingBroker[] = []
  for (const name of names.filter((file) => file.endsWith('.json')).sort()) {
    const path = join(registry, name)
    const broker = JSON.parse(await readFile(path, 'utf8')) as StandingBroker
    if (await isOurs(broker)) brokers.push(broker)
    else await rm(path, { force: true })
  }
  return brokers
}

async function isOurs(broker: StandingBroker): Promise<boolean> {
  if (broker.pid !== null) return (await commandLineOf(broker.pid)).includes(join(broker.dataDir, PROPERTIES_FILE))
  const inspect = ['inspect', '--format', '{{.State.Running}}', broker.container ?? '']
  return (await ask('docker', inspect)).text === 'true'
}

async function stop(broker: StandingBroker): Promise<void> {
  if (broker.pid !== null) return endDetached(broker.pid, 'SIGTERM')
  const name = broker.container ?? ''
  await ask('docker', ['stop', name], 60_000)
  await ask('docker', ['rm', '-f', name], 60_000)
}

/** Deleting this forgets a standing broker's data: a directory, or a Docker volume. */
export function dataOf(broker: StandingBroker): string {
  return broker.kind === 'docker' ? `docker volume ${volumeOf(broker.dataDir)}` : broker.dataDir
}
