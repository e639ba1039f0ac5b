import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { open, readFile, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { noRoomError } from '../../state/no-room.ts'
import { LocalKafkaError } from './errors.ts'
import { isAlive } from './is-alive.ts'
import type { LocalKafkaOptions } from './local-kafka.ts'
import { choosePort, freePorts, waitUntilAnswering } from './readiness.ts'
import { propertiesText, serverProperties } from './server-properties.ts'
import { commandLineOf } from './tools.ts'

/*
 * One run of Kafka's JVM in a directory: <directory>/{server.properties, kafka.log, kafka.pid, data/}.
 * Unless detached, the JVM never outlives this process: watched.sh holds it (see there).
 */

const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 15_000
const START_ATTEMPTS = 3
const CLUSTER_ID = 'cmlkZS1zdHJlYW1zLWxvYw'
/** Its path in a command line identifies the broker of a process. */
export const PROPERTIES_FILE = 'server.properties'
const PID_FILE = 'kafka.pid'
/** Second line of the pid file of a broker that outlives its starter. */
const DETACHED = 'detached'
const LOG_FILE = 'kafka.log'
const NO_SPACE = 'No space left on device'
/** A broker needs more than that, bytes. */
const LITTLE_ROOM = 1_048_576
const WATCHED = join(import.meta.dirname, 'watched.sh')

export interface JvmSetup {
  /** Command. */
  readonly java: string
  /** How the broker's JVM uses the archive of classes, or makes it. */
  readonly archive: { readonly use: readonly string[]; readonly make?: string }
  readonly classPath: string
  readonly version: string
  readonly directory: string
  /** The directory is removed with the broker. */
  readonly temporary: boolean
  readonly options: LocalKafkaOptions
}

export interface RunningJvm {
  readonly port: number
  readonly pid: number
  /** Null when detached. */
  readonly child: ChildProcess | null
}

type PortOptions = Pick<LocalKafkaOptions, 'port' | 'usualPort'>

/**
 * Starts the broker on the wanted port or on a free one. Another process may take a free port before the broker binds it: then
 * tries once more with another. Throws LocalKafkaError with the end of the log.
 */
export async function startJvm(setup: JvmSetup, wanted: PortOptions): Promise<RunningJvm> {
  await predecessorGone(setup.directory)
  for (let attempt = 1; ; attempt++) {
    const [controllerPort = 0, freePort = 0] = await freePorts(2)
    const running = await startOnce(setup, await choosePort(wanted, freePort), controllerPort)
    if (running) return running
    const log = await logTail(setup.directory)
    if (attempt >= START_ATTEMPTS || !/BindException|Address already in use/.test(log)) {
      throw new LocalKafkaError(`Kafka ${setup.version} did not start (${join(setup.directory, LOG_FILE)}): ${log}`)
    }
  }
}

/** The broker of a killed owner may still be stopping. A detached one stays (`kafka up`), so nobody waits for it. */
async function predecessorGone(directory: string): Promise<void> {
  const [pidText, mark] = (await readFile(join(directory, PID_FILE), 'utf8').catch(() => '0')).split('\n')
  const pid = Number(pidText)
  if (!(pid > 0)) return
  const giveUpAt = Date.now() + (mark === DETACHED ? 0 : STOP_TIMEOUT_MS)
  while ((await commandLineOf(pid)).includes(join(directory, PROPERTIES_FILE))) {
    if (Date.now() >= giveUpAt) throw new LocalKafkaError(`another Kafka (pid ${pid}) uses ${directory}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function startOnce(setup: JvmSetup, port: number, controllerPort: number): Promise<RunningJvm | null> {
  const { directory, options } = setup
  const propertiesFile = join(directory, PROPERTIES_FILE)
  await writeFile(propertiesFile, propertiesText(propertiesOf(setup, port, controllerPort)))
  if (!existsSync(join(directory, 'data', 'meta.properties'))) await format(setup, propertiesFile)

  const log = await open(join(directory, LOG_FILE), 'w')
  const pidFile = join(directory, PID_FILE)
  await rm(pidFile, { force: true })
  const { use, make } = setup.archive
  const archive = make === undefined ? use : [make]
  const kafka = [...javaOptions(options), ...archive, '-cp', setup.classPath, 'kafka.Kafka', propertiesFile]
  // Own process group: Ctrl-C reaches the owner only, which stops the broker when it is done with it.
  const child = options.detached
    ? spawn(setup.java, kafka, { detached: true, stdio: ['ignore', log.fd, log.fd] })
    : spawn('/bin/sh', [WATCHED, pidFile, setup.temporary ? directory : '', '', setup.java, ...kafka], {
        detached: true,
        stdio: ['pipe', log.fd, log.fd],
      })
  let gone = false
  child.once('error', () => {
    gone = true
  })
  child.once('exit', () => {
    gone = true
  })
  await log.close()
  if (options.detached && child.pid !== undefined) await writeFile(pidFile, `${child.pid}\n${DETACHED}\n`)
  // Another broker may have bound the port and answered: our own log must show the start, too.
  const up =
    (await waitUntilAnswering('127.0.0.1', port, START_TIMEOUT_MS, () => gone)) &&
    (await saysStarted(directory, () => gone))
  if (gone || !up) {
    child.stdin?.destroy()
    if (options.detached) child.kill('SIGKILL')
    return null
  }
  // The broker does not keep its owner alive; it goes when the owner goes.
  child.unref()
  const stdin = child.stdin as (NodeJS.WritableStream & { unref?: () => void }) | null
  stdin?.unref?.()
  return { port, pid: Number.parseInt(await readFile(pidFile, 'utf8'), 10), child: options.detached ? null : child }
}

/** Resolves true when the broker's log says that it is up, false at the deadline or when it is gone. */
async function saysStarted(directory: string, gone: () => boolean): Promise<boolean> {
  const deadline = Date.now() + START_TIMEOUT_MS
  while (!gone() && Date.now() < deadline) {
    if ((await readFile(join(directory, LOG_FILE), 'utf8')).includes('Kafka Server started')) return true
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  return false
}

function propertiesOf({ directory, options }: JvmSetup, port: number, controllerPort: number) {
  const logDir = join(directory, 'data')
  if (options.onlyTheseProperties) return { ...options.onlyTheseProperties, 'log.dirs': logDir }
  const addresses = {
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    advertised: `PLAINTEXT://127.0.0.1:${port}`,
    controllerQuorum: `1@127.0.0.1:${controllerPort}`,
    logDir,
  }
  return serverProperties(addresses, options.properties)
}

/** Short-lived brokers on few cores: no parallel collector threads, quiet log, classes from the shared archive. */
function javaOptions(options: LocalKafkaOptions): string[] {
  const heap = options.heapMb ?? 640
  return [
    `-Xms${Math.min(256, heap)}m`,
    `-Xmx${heap}m`,
    '-XX:+UseSerialGC',
    '-XX:-UsePerfData',
    '-Xshare:auto',
    '-Djava.awt.headless=true',
    ...LOGGING,
    ...(options.jvmOptions ?? []),
  ]
}

const LOGGING = [
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info',
  '-Dorg.slf4j.simpleLogger.showDateTime=true',
  '-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS',
]

async function format(setup: JvmSetup, propertiesFile: string): Promise<void> {
  const tool = ['kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', propertiesFile, '--ignore-formatted']
  const jvm = ['-Xmx128m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto', '-XX:-UsePerfData']
  try {
    await promisify(execFile)(setup.java, [...jvm, ...setup.archive.use, ...LOGGING, '-cp', setup.classPath, ...tool])
  } catch (error) {
    throw new LocalKafkaError(`Kafka could not format ${setup.directory}`, { cause: error })
  }
}

/** Why a broker has ended by itself. @param status exit code; 128 and a signal's number where that killed it */
export async function endOf({ directory, version }: JvmSetup, status: number | null): Promise<Error> {
  const log = join(directory, LOG_FILE)
  const text = await readFile(log, 'utf8').catch(() => '')
  // On a full disk the log has no room for the reason, either.
  const { bavail, bsize } = await statfs(directory).catch(() => ({ bavail: 1, bsize: LITTLE_ROOM }))
  const isFull = bavail * bsize < LITTLE_ROOM || text.includes(NO_SPACE)
  return (
    noRoomError(directory, isFull ? new Error(NO_SPACE) : null) ??
    new LocalKafkaError(
      `the local Kafka ${version} has ended, with status ${status} (${log}): ${await logTail(directory)}`,
    )
  )
}

/** Ends the JVM: asks, then insists. Resolves when it is gone. */
export async function endJvm(running: RunningJvm, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const { child, pid } = running
  if (child === null) return endDetached(pid, signal)
  child.ref()
  const exited = new Promise<void>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve()
    else child.once('exit', () => resolve())
  })
  signalTo(pid, signal)
  const timer = setTimeout(() => signalTo(pid, 'SIGKILL'), STOP_TIMEOUT_MS)
  await exited
  clearTimeout(timer)
  child.stdin?.destroy()
}

/** Ends a broker that is not our child (`kafka up` of an earlier process). */
export async function endDetached(pid: number, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  signalTo(pid, signal)
  const insistAt = Date.now() + STOP_TIMEOUT_MS
  // A process that ended and was not waited for (in containers without an init) has an empty command line.
  while (isAlive(pid) && (await commandLineOf(pid)) !== '') {
    if (Date.now() > insistAt) signalTo(pid, 'SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
}

function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function logTail(directory: string): Promise<string> {
  const text = await readFile(join(directory, LOG_FILE), 'utf8').catch(() => '')
  const lines = text.split('\n').filter((line) => line && !line.startsWith('\t'))
  return lines.slice(-6).join(' | ') || 'no output'
}
