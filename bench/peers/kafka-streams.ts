import { execFile, spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { PeerOptions } from '../peer.ts'
import { type PeerProcess, peerProcess } from './peer-process.ts'

/*
 * The same job on Kafka Streams (Java), as the bench starts it. Settings and reasons: kafka-streams/README.md.
 */

/** Input, output and `<applicationId>.dlq` topics must exist. */
export interface KafkaStreamsPeerOptions extends PeerOptions {
  /** `plain`: written and set as the documentation advises; default `tuned`. */
  readonly style?: 'tuned' | 'plain'
  /** Kafka Streams' own, since 4.4; default false. */
  readonly transactionalStores?: boolean
  /** Default 100. */
  readonly commitIntervalMs?: number
  /** Default: Kafka's (45 s). */
  readonly sessionTimeoutMs?: number
  /** Default 0. */
  readonly standbys?: number
  /** Default: Kafka Streams' own under exactly_once_v2 (10 s). */
  readonly transactionTimeoutMs?: number | undefined
  /** Runs this operator (bench/operators) instead of the ride job, with that output topic. */
  readonly operator?: { readonly name: string; readonly out: string }
  /** Ctrl-C of the caller's terminal does not reach it. Default false. */
  readonly ownGroup?: boolean
}

const RUN = join(import.meta.dirname, 'kafka-streams/run.sh')

/** Compiles with Maven unless that is done already (JDK 17+, Maven). */
export async function buildKafkaStreamsPeer(): Promise<void> {
  await promisify(execFile)(RUN, ['build'])
}

/** The program builds itself when it is not built yet: time a start only after buildKafkaStreamsPeer. */
export async function startKafkaStreamsPeer(options: KafkaStreamsPeerOptions): Promise<PeerProcess> {
  await mkdir(options.stateDir, { recursive: true })
  const child = spawn(RUN, {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: options.ownGroup ?? false,
    env: {
      ...process.env,
      KAFKA_BROKERS: options.bootstrap,
      APPLICATION_ID: options.applicationId,
      NUM_STREAM_THREADS: String(options.threads),
      STYLE: options.style ?? 'tuned',
      TRANSACTIONAL_STORES: String(options.transactionalStores ?? false),
      STATE_DIR: options.stateDir,
      COMMIT_INTERVAL_MS: String(options.commitIntervalMs ?? 100),
      NUM_STANDBY_REPLICAS: String(options.standbys ?? 0),
      ...(options.operator === undefined
        ? {}
        : { OPERATOR: options.operator.name, OPERATOR_OUT: options.operator.out }),
      ...(options.sessionTimeoutMs === undefined ? {} : { SESSION_TIMEOUT_MS: String(options.sessionTimeoutMs) }),
      ...(options.transactionTimeoutMs === undefined
        ? {}
        : { TRANSACTION_TIMEOUT_MS: String(options.transactionTimeoutMs) }),
    },
  })
  return peerProcess(child)
}
