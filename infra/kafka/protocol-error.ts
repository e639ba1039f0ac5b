import type { TopicPartition } from '../../runtime/ports/log.ts'
import { RetriableError, StreamsError } from '../../state/ports/errors.ts'
import { partitionName } from '../../state/ports/topic-partition.ts'
import { protocolErrorsCodesById } from './protocol.ts'

/** Kafka's error codes that this client acts upon. */
export const ErrorCode = {
  NONE: 0,
  OFFSET_OUT_OF_RANGE: 1,
  CORRUPT_MESSAGE: 2,
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  LEADER_NOT_AVAILABLE: 5,
  NOT_LEADER_OR_FOLLOWER: 6,
  REQUEST_TIMED_OUT: 7,
  BROKER_NOT_AVAILABLE: 8,
  REPLICA_NOT_AVAILABLE: 9,
  NETWORK_EXCEPTION: 13,
  COORDINATOR_LOAD_IN_PROGRESS: 14,
  COORDINATOR_NOT_AVAILABLE: 15,
  NOT_COORDINATOR: 16,
  NOT_ENOUGH_REPLICAS: 19,
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 20,
  ILLEGAL_GENERATION: 22,
  UNKNOWN_MEMBER_ID: 25,
  REBALANCE_IN_PROGRESS: 27,
  TOPIC_AUTHORIZATION_FAILED: 29,
  GROUP_AUTHORIZATION_FAILED: 30,
  TOPIC_ALREADY_EXISTS: 36,
  NOT_CONTROLLER: 41,
  DUPLICATE_SEQUENCE_NUMBER: 46,
  INVALID_PRODUCER_EPOCH: 47,
  INVALID_TXN_STATE: 48,
  INVALID_PRODUCER_ID_MAPPING: 49,
  CONCURRENT_TRANSACTIONS: 51,
  TRANSACTION_COORDINATOR_FENCED: 52,
  KAFKA_STORAGE_ERROR: 56,
  GROUP_ID_NOT_FOUND: 69,
  FETCH_SESSION_ID_NOT_FOUND: 70,
  INVALID_FETCH_SESSION_EPOCH: 71,
  FENCED_LEADER_EPOCH: 74,
  UNKNOWN_LEADER_EPOCH: 75,
  OFFSET_NOT_AVAILABLE: 78,
  MEMBER_ID_REQUIRED: 79,
  FENCED_INSTANCE_ID: 82,
  UNSTABLE_OFFSET_COMMIT: 88,
  THROTTLING_QUOTA_EXCEEDED: 89,
  PRODUCER_FENCED: 90,
  UNKNOWN_TOPIC_ID: 100,
  INCONSISTENT_TOPIC_ID: 103,
} as const

/** The error means: ask another broker, or this one again a little later. */
const COORDINATOR_MOVED: ReadonlySet<number> = new Set([
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
])

const LEADER_MOVED: ReadonlySet<number> = new Set([
  ErrorCode.CORRUPT_MESSAGE, // damaged on its way to the broker
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.LEADER_NOT_AVAILABLE,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.BROKER_NOT_AVAILABLE,
  ErrorCode.REPLICA_NOT_AVAILABLE,
  ErrorCode.NETWORK_EXCEPTION,
  ErrorCode.NOT_ENOUGH_REPLICAS,
  ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
  ErrorCode.KAFKA_STORAGE_ERROR,
  ErrorCode.FENCED_LEADER_EPOCH,
  ErrorCode.UNKNOWN_LEADER_EPOCH,
  ErrorCode.OFFSET_NOT_AVAILABLE,
  ErrorCode.UNKNOWN_TOPIC_ID,
  ErrorCode.INCONSISTENT_TOPIC_ID,
])

export function isCoordinatorMoved(code: number): boolean {
  return COORDINATOR_MOVED.has(code)
}

export function isLeaderMoved(code: number): boolean {
  return LEADER_MOVED.has(code)
}

/** The broker refused the record, not the writer. */
const UNWRITABLE: ReadonlySet<number> = new Set([
  10, // MESSAGE_TOO_LARGE
  17, // INVALID_TOPIC_EXCEPTION
  18, // RECORD_LIST_TOO_LARGE
  32, // INVALID_TIMESTAMP
  87, // INVALID_RECORD
])

/** That topic will not accept a record of the batch, now or later. */
export function isUnwritable(code: number): boolean {
  return UNWRITABLE.has(code)
}

const HOPELESS: ReadonlySet<number> = new Set([
  ErrorCode.TOPIC_AUTHORIZATION_FAILED,
  ErrorCode.GROUP_AUTHORIZATION_FAILED,
  35, // UNSUPPORTED_VERSION
  44, // POLICY_VIOLATION
  53, // TRANSACTIONAL_ID_AUTHORIZATION_FAILED
  76, // UNSUPPORTED_COMPRESSION_TYPE
])

/** The same commit would fail the same way however often it is repeated. */
export function isHopeless(code: number): boolean {
  return HOPELESS.has(code)
}

/** Name of an error code, also of codes that the library's tables do not know (above 127). */
export function errorName(code: number): string {
  const names: Readonly<Record<number, string>> = protocolErrorsCodesById
  return names[code] ?? (code === -1 ? 'UNKNOWN_SERVER_ERROR' : `ERROR_${code}`)
}

/** The codes that a person is likely to meet, in words. */
const MEANINGS: Readonly<Record<number, string>> = {
  [ErrorCode.OFFSET_OUT_OF_RANGE]: 'the offset is not in the log',
  [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]: 'the brokers do not know the topic or partition',
  [ErrorCode.LEADER_NOT_AVAILABLE]: 'the partition has no leader at the moment; is a broker down?',
  [ErrorCode.NOT_LEADER_OR_FOLLOWER]: 'the leader of the partition is moving',
  [ErrorCode.REQUEST_TIMED_OUT]: 'the brokers did not finish in time; is one of them down?',
  [ErrorCode.BROKER_NOT_AVAILABLE]: 'the broker is not available',
  [ErrorCode.REPLICA_NOT_AVAILABLE]: 'the replica is not available; is a broker down?',
  [ErrorCode.NETWORK_EXCEPTION]: 'the brokers lost the connection between them',
  [ErrorCode.COORDINATOR_LOAD_IN_PROGRESS]: 'the coordinator is starting',
  [ErrorCode.COORDINATOR_NOT_AVAILABLE]: 'there is no coordinator at the moment; is a broker down?',
  [ErrorCode.NOT_COORDINATOR]: 'the coordinator is moving',
  [ErrorCode.NOT_ENOUGH_REPLICAS]: 'too few replicas are in sync (min.insync.replicas); is a broker down?',
  [ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND]: 'too few replicas are in sync (min.insync.replicas); is a broker down?',
  [ErrorCode.TOPIC_AUTHORIZATION_FAILED]: 'this user may not do that with the topic',
  [ErrorCode.GROUP_AUTHORIZATION_FAILED]: 'this user may not do that with the group',
  [ErrorCode.NOT_CONTROLLER]: 'the controller is moving; is a broker down?',
  [ErrorCode.KAFKA_STORAGE_ERROR]: "the broker cannot use its disk; look into the broker's log",
  [ErrorCode.UNSTABLE_OFFSET_COMMIT]: 'a transaction that commits these offsets is open',
  [ErrorCode.THROTTLING_QUOTA_EXCEEDED]: 'a quota of the cluster is used up',
}

/** A sentence about an error code, with its name. */
export function errorText(code: number): string {
  const meaning = MEANINGS[code] ?? 'the brokers answer with an error'
  return `${meaning} (${errorName(code)})`
}

/** A broker answered with an error code that is not retried, or no longer. */
export class KafkaResponseError extends StreamsError {
  readonly errorCode: number
  constructor(action: string, errorCode: number, detail?: string | null) {
    super('KAFKA_RESPONSE', `${action}: ${errorText(errorCode)}${detail ? `: ${detail}` : ''}`)
    this.errorCode = errorCode
  }
}

/** No broker answered within the limits, or the connection broke while waiting for the answer. */
export class KafkaConnectionError extends RetriableError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('KAFKA_CONNECTION', message, options)
  }
}

/**
 * A record batch does not match its checksum, however often it is fetched: it is damaged on the broker's disk or on the way. None
 * of it was processed.
 */
export class CorruptBatchError extends StreamsError {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  constructor({ topic, partition }: TopicPartition, damage: { offset: number; reason: string }, broker: string) {
    const { offset, reason } = damage
    super(
      'CORRUPT_BATCH',
      `the record batch at offset ${offset} of ${partitionName({ topic, partition })} from ${broker} is damaged: ${reason}`,
    )
    this.topic = topic
    this.partition = partition
    this.offset = offset
  }
}

/** Stop and look: retrying cannot help (authorisation, authentication, unknown API). */
export class KafkaFatalError extends StreamsError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('KAFKA_FATAL', message, options)
  }
}

/** The broker refuses the login: wrong password or mechanism, or it requires TLS. */
export class KafkaRefusedError extends StreamsError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('KAFKA_REFUSED', message, options)
  }
}

function field(error: unknown, name: string): unknown {
  return typeof error === 'object' && error !== null ? (error as Record<string, unknown>)[name] : undefined
}

/**
 * The library throws on any error code in an answer; the answer itself hangs on the error. Error codes are
 * judged by the caller, so this gives the answer back; undefined when the error is not an answer.
 */
export function answerOf(error: unknown): unknown {
  return field(error, 'code') === 'PLT_KFK_RESPONSE' ? field(error, 'response') : undefined
}

/** The connection broke, or could not be opened, or no answer came in time: it is unknown whether the broker acted. */
export function isTransportFailure(error: unknown): boolean {
  return field(error, 'code') === 'KAFKA_CONNECTION'
}

const UNTRUSTED = /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED_CERT|UNABLE_TO_(GET_ISSUER|VERIFY))/

/**
 * The broker refuses us: a wrong password or mechanism, plain text to a TLS listener, an untrusted certificate. Another try
 * cannot help. A lost connection is not a refusal.
 */
export function isRefusal(error: unknown): boolean {
  for (let e = error, depth = 0; e !== undefined && e !== null && depth < 8; e = field(e, 'cause'), depth++) {
    const code = field(e, 'code')
    if (code === 'KAFKA_REFUSED' || (typeof code === 'string' && UNTRUSTED.test(code))) return true
  }
  return false
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The message at the bottom of a chain of causes. */
export function rootMessage(error: unknown): string {
  let message = messageOf(error)
  for (let e = error, depth = 0; e instanceof Error && depth < 8; e = e.cause, depth++) message = e.message
  return message
}
