import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { deferred } from '../../state/deferred.ts'
import { classArchive } from './class-archive.ts'
import { NoKafkaError } from './errors.ts'
import { type Release, startHeld } from './held-directory.ts'
import { jarList, kafkaJars } from './jars.ts'
import { endJvm, endOf, type JvmSetup, type RunningJvm, startJvm } from './kafka-jvm.ts'
import { DEFAULT_KAFKA_VERSION, type LocalKafka, type LocalKafkaOptions } from './local-kafka.ts'
import { findJava, type Java } from './tools.ts'

/*
 * Owns one Kafka JVM over its restarts, and its directory.
 * 1. A temporary directory goes away with the broker, by stop() or by watched.sh.
 * 2. Port and data stay the same over kill() and restart().
 * 3. A kept directory is held against other starts: until stop(), or for a detached broker while it starts.
 */

/** Starts Apache Kafka from jars. Throws NoKafkaError without Java 17+, LocalKafkaError when it does not come up. */
export function startJarBroker(options: LocalKafkaOptions = {}): Promise<LocalKafka> {
  return startHeld(options, (release) => startFromJars(options, release))
}

async function startFromJars(options: LocalKafkaOptions, release: Release): Promise<LocalKafka> {
  const java = await findJava()
  if (java === null) throw new NoKafkaError('Java 17 or newer was not found')
  const version = options.kafkaVersion ?? DEFAULT_KAFKA_VERSION
  const jars = await kafkaJars(version, options.onProgress ?? (() => undefined))
  options.onProgress?.({ step: 'starting', text: `starting Kafka ${version}` })
  const classPath = await jarList(jars)
  const use = await classArchive(`${jars}-${java.id}.jsa`, (make) => train(java, classPath, version, make))
  const directory = options.dataDir === undefined ? null : resolve(options.dataDir)
  return start({ java: java.command, archive: { use }, classPath, version, options }, directory, release)
}

type Parts = Omit<JvmSetup, 'directory' | 'temporary'>

async function start(parts: Parts, dataDir: string | null, release: Release): Promise<LocalKafka> {
  const directory = dataDir ?? (await mkdtemp(join(tmpdir(), 'ride-streams-kafka-')))
  await mkdir(directory, { recursive: true })
  const setup: JvmSetup = { ...parts, directory, temporary: dataDir === null }
  try {
    return localKafka(setup, await startJvm(setup, parts.options), release)
  } catch (error) {
    if (setup.temporary) await rm(directory, { recursive: true, force: true })
    throw error
  }
}

/** One broker up and cleanly down again, so that the JVM writes its class archive. */
async function train(java: Java, classPath: string, version: string, make: string): Promise<boolean> {
  const directory = await mkdtemp(join(tmpdir(), 'ride-streams-kafka-'))
  try {
    const parts: Parts = { java: java.command, archive: { use: [], make }, classPath, version, options: {} }
    await (await start(parts, directory, () => Promise.resolve())).stop()
    return true
  } catch {
    // Only the archive is lost. If the broker cannot start at all, the following start reports it.
    return false
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function localKafka(setup: JvmSetup, first: RunningJvm, release: Release): LocalKafka {
  let running: RunningJvm | null = null
  const { promise: ended, resolve: onEnded } = deferred<Error>()
  const hold = (run: RunningJvm): void => {
    running = run
    run.child?.once('exit', (status) => {
      if (running === run) void endOf(setup, status).then(onEnded)
    })
  }
  hold(first)
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    const last = running
    running = null
    if (last) await endJvm(last, signal)
  }
  return {
    bootstrap: `127.0.0.1:${first.port}`,
    kind: 'jars',
    version: setup.version,
    dataDir: setup.directory,
    container: null,
    ended,
    get pid() {
      return running?.pid ?? null
    },
    async stop() {
      // Temporary data is not read again, so it needs no clean shutdown.
      await end(setup.temporary ? 'SIGKILL' : 'SIGTERM')
      if (setup.temporary) await rm(setup.directory, { recursive: true, force: true, maxRetries: 5 })
      await release()
    },
    kill: () => end('SIGKILL'),
    async restart() {
      await end('SIGTERM')
      hold(await startJvm(setup, first))
    },
  }
}
