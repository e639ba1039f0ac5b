/** Settings of a single broker: one replica of everything, immediate answers, and no automatic deletion. */
const SINGLE_BROKER: Readonly<Record<string, string>> = {
  'process.roles': 'broker,controller',
  'node.id': '1',
  'controller.listener.names': 'CONTROLLER',
  'inter.broker.listener.name': 'PLAINTEXT',
  'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
  'default.replication.factor': '1',
  'min.insync.replicas': '1',
  'offsets.topic.replication.factor': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
  // Fewer coordinator partitions: each costs files and a load at start, and one node gains nothing from 50.
  'offsets.topic.num.partitions': '4',
  'transaction.state.log.num.partitions': '4',
  'group.initial.rebalance.delay.ms': '0',
  'auto.create.topics.enable': 'false',
  // Recorded rides are years old by record time: only topics that say so lose records by age.
  'log.retention.ms': '-1',
  // After a crash the node waits for its own old session to end (9 s by default) before it serves again.
  'broker.session.timeout.ms': '3000',
  'broker.heartbeat.interval.ms': '500',
  // An idle node writes to its metadata log twice a second by default, which takes a third of what it costs to run.
  'metadata.max.idle.interval.ms': '5000',
  // Short sessions, so that tests and a person see a failover in seconds.
  'group.min.session.timeout.ms': '1000',
  'num.network.threads': '2',
  'num.io.threads': '4',
  'num.recovery.threads.per.data.dir': '2',
  'log.cleaner.dedupe.buffer.size': '16777216',
  // Preallocated index files (10 MB each by default) make every partition slow to create and large on disk.
  'log.index.size.max.bytes': '1048576',
}

export interface BrokerAddresses {
  readonly listeners: string
  readonly advertised: string
  readonly controllerQuorum: string
  readonly logDir: string
}

/** Properties of a single-node KRaft broker; `extra` wins. */
export function serverProperties(
  addresses: BrokerAddresses,
  extra: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  return {
    ...SINGLE_BROKER,
    listeners: addresses.listeners,
    'advertised.listeners': addresses.advertised,
    'controller.quorum.voters': addresses.controllerQuorum,
    'log.dirs': addresses.logDir,
    ...extra,
  }
}

/** One node of a cluster on this machine. */
export interface ClusterNode {
  readonly id: number
  readonly port: number
  readonly controllerPort: number
}

/**
 * All properties but log.dirs of one node among `nodes`; `extra` wins. From three nodes on the loss of one costs nothing:
 * three replicas, two of which must have a record before it counts.
 */
export function clusterProperties(
  nodes: readonly ClusterNode[],
  id: number,
  extra: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const own = nodes.find((node) => node.id === id)
  if (own === undefined) throw new RangeError(`no node ${id}`)
  const replicas = String(Math.min(3, nodes.length))
  const minimum = nodes.length >= 3 ? '2' : '1'
  return {
    ...SINGLE_BROKER,
    'node.id': String(id),
    'broker.rack': `rack-${id}`,
    'default.replication.factor': replicas,
    'min.insync.replicas': minimum,
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': minimum,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': minimum,
    listeners: `PLAINTEXT://127.0.0.1:${own.port},CONTROLLER://127.0.0.1:${own.controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${own.port}`,
    'controller.quorum.voters': nodes.map((node) => `${node.id}@127.0.0.1:${node.controllerPort}`).join(','),
    ...extra,
  }
}

/** The text of a Java properties file; a backslash (Windows paths) would be an escape there. */
export function propertiesText(properties: Readonly<Record<string, string>>): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value.replaceAll('\\', '\\\\')}\n`)
    .join('')
}

/** Environment of the cp-kafka image for these properties: `a.b-c_d` becomes KAFKA_A_B__C___D. */
export function imageEnvironment(properties: Readonly<Record<string, string>>): Record<string, string> {
  const environment: Record<string, string> = {}
  for (const [name, value] of Object.entries(properties)) {
    const variable = name.replaceAll('_', '___').replaceAll('-', '__').replaceAll('.', '_').toUpperCase()
    environment[`KAFKA_${variable}`] = value
  }
  return environment
}
