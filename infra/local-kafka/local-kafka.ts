/** The broker's current step, for a person who waits. */
export type KafkaProgress =
  | { readonly step: 'waiting'; readonly text: string }
  | { readonly step: 'download'; readonly jars: number; readonly bytes: number; readonly name: string }
  | { readonly step: 'starting'; readonly text: string }

/** Options of every way to start a local broker. */
export interface LocalKafkaOptions {
  /** Port of the listener on 127.0.0.1; default: a free one. */
  readonly port?: number | undefined
  /** Without `port`: Kafka's usual port, 9092, when it is free, else another one. */
  readonly usualPort?: boolean
  /** Kept between starts when given; otherwise a temporary directory that is removed with the broker. */
  readonly dataDir?: string
  /** Apache Kafka's version when run from jars; default `DEFAULT_KAFKA_VERSION`. */
  readonly kafkaVersion?: string
  /** Broker properties that override the defaults. */
  readonly properties?: Readonly<Record<string, string>>
  /** All broker properties except log.dirs, instead of the defaults (jars only); then `port` must be given and fit. */
  readonly onlyTheseProperties?: Readonly<Record<string, string>>
  /** Maximum heap of the broker in MiB (jars only); default 640. */
  readonly heapMb?: number
  /** More options of the broker's JVM (jars only), such as an agent or remote JMX. */
  readonly jvmOptions?: readonly string[]
  /** true: the broker outlives this process, until it is stopped by its pid or container name (`kafka up`). */
  readonly detached?: boolean
  readonly onProgress?: (progress: KafkaProgress) => void
}

/** A single-node Kafka (KRaft) on this machine, listening on 127.0.0.1 only. */
export interface LocalKafka {
  /** host:port */
  readonly bootstrap: string
  readonly kind: 'jars' | 'docker'
  readonly version: string
  /** Where its data is: a directory, or the name of a Docker volume. */
  readonly dataDir: string
  /** The JVM's pid; null for a container. */
  readonly pid: number | null
  /** Container name; null for jars. */
  readonly container: string | null
  /** Resolves with an error when the broker ends and nobody here has ended it. It never does for a container. */
  readonly ended: Promise<Error>
  /** Clean stop, and removal of temporary data. Stopping twice is fine. */
  stop(): Promise<void>
  /** Kills the broker with -9, as a crash does. Data stays for restart(). */
  kill(): Promise<void>
  /** Starts again on the same port and data, after kill() or while running (then it stops cleanly first). */
  restart(): Promise<void>
}

/** The newest of the 4.2 line, on Java 17. */
export const DEFAULT_KAFKA_VERSION = '4.2.1'
