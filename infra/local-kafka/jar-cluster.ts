import { join } from 'node:path'
import { LocalKafkaError } from './errors.ts'
import { startJarBroker } from './jar-broker.ts'
import type { LocalKafka, LocalKafkaOptions } from './local-kafka.ts'
import { freePorts } from './readiness.ts'
import { clusterProperties } from './server-properties.ts'

export interface JarClusterOptions
  extends Pick<LocalKafkaOptions, 'kafkaVersion' | 'properties' | 'heapMb' | 'jvmOptions'> {
  readonly brokers: number
  /** Kept when given, one directory per broker in it; otherwise temporary directories. */
  readonly dataDir?: string
}

/** Several brokers on this machine that make up one cluster (KRaft, each is broker and controller), on 127.0.0.1 only. */
export interface LocalCluster {
  /** host:port of all of them, comma separated. */
  readonly bootstrap: string
  /** node.id is the index plus one. Each can be killed and restarted on its own port and data. */
  readonly brokers: readonly LocalKafka[]
  stop(): Promise<void>
}

/** Small heaps: the brokers share a machine, and the page cache serves the logs. */
const HEAP_MB = 384
const START_ATTEMPTS = 2

/**
 * Starts all brokers side by side (no controller is up before most of them are) and resolves when each answers. Three
 * brokers or more keep three replicas of everything and take writes while two are there.
 * @throws NoKafkaError, LocalKafkaError
 */
export async function startJarCluster(options: JarClusterOptions): Promise<LocalCluster> {
  for (let attempt = 1; ; attempt++) {
    const started = await Promise.allSettled(await starts(options))
    const brokers = started.filter((one) => one.status === 'fulfilled').map(({ value }) => value)
    const failure = started.find((one) => one.status === 'rejected')
    if (failure === undefined) return clusterOf(brokers)
    await stopAll(brokers)
    // Another process may have taken a free port in between: try once more with other ports.
    const isPortTaken = failure.reason instanceof LocalKafkaError && /in use|BindException/.test(failure.reason.message)
    if (!isPortTaken || attempt >= START_ATTEMPTS) throw failure.reason
  }
}

async function starts(options: JarClusterOptions): Promise<Promise<LocalKafka>[]> {
  const { brokers: count, dataDir, properties, ...rest } = options
  const ports = await freePorts(2 * count)
  const nodes = Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    port: ports[2 * index] ?? 0,
    controllerPort: ports[2 * index + 1] ?? 0,
  }))
  return nodes.map(({ id, port }) =>
    startJarBroker({
      heapMb: HEAP_MB,
      ...rest,
      port,
      dataDir: dataDir === undefined ? undefined : join(dataDir, `broker-${id}`),
      onlyTheseProperties: clusterProperties(nodes, id, properties),
    }),
  )
}

function clusterOf(brokers: readonly LocalKafka[]): LocalCluster {
  return {
    bootstrap: brokers.map(({ bootstrap }) => bootstrap).join(','),
    brokers,
    stop: () => stopAll(brokers),
  }
}

async function stopAll(brokers: readonly LocalKafka[]): Promise<void> {
  await Promise.all(brokers.map((broker) => broker.stop()))
}
