import { partitionName } from './topic-partition.ts'

/** Base of all errors of this project. `code` is stable and part of the interface. */
export class StreamsError extends Error {
  readonly code: string
  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}

/** Change the topology: it contradicts itself or the cluster (co-partitioning, names, unconnected stores). */
export class StreamsTopologyError extends StreamsError {
  constructor(message: string) {
    super('TOPOLOGY', message)
  }
}

/** Change the configuration or the call. */
export class StreamsConfigError extends StreamsError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('CONFIG', message, options)
  }
}

/** Install these packages: what the configuration asks for needs them, and an install of the engine does not bring them. */
export class MissingPackageError extends StreamsError {
  readonly packages: readonly string[]
  constructor(what: string, packages: readonly string[]) {
    const list = packages.join(' ')
    super('MISSING_PACKAGE', `${what} need packages that are not installed: npm install ${list}`)
    this.packages = packages
  }
}

/** Make the call at another time: this one does not fit the present state. */
export class IllegalStateError extends StreamsError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('ILLEGAL_STATE', message, options)
  }
}

/** Stop this process: a newer instance took its place, or another process owns the directory. */
export class FencedError extends StreamsError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('FENCED', message, options)
  }
}

/** Nothing of the commit is visible. Drop uncommitted state, initialise the writer, resume from the last commit. */
export class CommitFailedError extends StreamsError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('COMMIT_FAILED', message, options)
  }
}

/** Like CommitFailedError, but the commit may have become visible: re-read stable offsets, restore. */
export class CommitUnknownError extends StreamsError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('COMMIT_UNKNOWN', message, options)
  }
}

/** Try again after a while, for taskTimeoutMs at most: brokers did not answer, or could not do it now. */
export class RetriableError extends StreamsError {}

/** Look at the brokers: a start or a task made no progress for that time, although it was tried again and again. */
export class TaskTimeoutError extends StreamsError {
  /** @param setting what the user calls the limit */
  constructor(what: string, limit: { readonly timeoutMs: number; readonly setting: string }, cause: Error) {
    const { timeoutMs, setting } = limit
    super('TASK_TIMEOUT', `${what} made no progress for ${timeoutMs} ms (${setting}): ${cause.message}`, { cause })
  }
}

/** The position is not in the log any more: apply the reset policy (sources) or rebuild the store (changelogs). */
export class OffsetOutOfRangeError extends StreamsError {
  readonly topic: string
  readonly partition: number
  constructor(topic: string, partition: number, position: number) {
    super('OFFSET_OUT_OF_RANGE', `offset ${position} of ${partitionName({ topic, partition })} is out of range`)
    this.topic = topic
    this.partition = partition
  }
}

/** The bytes are not a record of this topic. The record becomes a dead letter or stops the app, as configured. */
export class InvalidRecordError extends StreamsError {
  /** Short text for the metric label: json, schema, key, ... */
  readonly reason: string
  constructor(reason: string, message: string) {
    super('INVALID_RECORD', message)
    this.reason = reason
  }
}

/**
 * A function of the topology threw, or returned an unusable value (a promise, a wrong time). Change the topology's code. The
 * current record fails as its exception handler says. The `cause` is what the function threw, with its own stack.
 */
export class UserCodeError extends StreamsError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('USER_CODE', message, options)
  }
}

/**
 * A serde threw, or returned nothing that can be written. Change the serde, or what it gets. The current record fails as its
 * exception handler says. The error of the serde is the `cause`, with its own stack.
 */
export class SerdeError extends StreamsError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('SERDE', message, options)
  }
}

/**
 * A call failed for good (mapAsync and the like): its attempts are used up, or the error is none that another attempt would get past.
 * The record of the call fails as the processing exception handler says. The `cause` is the error of the last attempt.
 */
export class AsyncCallError extends StreamsError {
  constructor(node: string, attempts: number, cause: unknown) {
    const times = attempts === 1 ? 'once' : `${attempts} times`
    super('ASYNC_CALL', `the call of ${node} failed ${times}: ${messageOf(cause)}`, { cause })
  }
}

/** An attempt of a call took too long: make the call quicker, or its timeoutMs longer. Also the reason of its AbortSignal. */
export class AsyncTimeoutError extends StreamsError {
  constructor(node: string, timeoutMs: number) {
    super('ASYNC_TIMEOUT', `the call of ${node} was not answered within ${timeoutMs} ms`)
  }
}

/** The reason of a call's AbortSignal when its task ends here: whoever gets the task calls again. */
export class TaskClosedError extends StreamsError {
  constructor(taskId: string) {
    super('TASK_CLOSED', `task ${taskId} is closed: an answer would not be taken any more`)
  }
}

/** The text of any thrown value. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/**
 * The topic will not accept this record, however often it is sent (too large, no such topic, a serde that throws). The production
 * exception handler decides.
 */
export class ProductionError extends StreamsError {
  readonly topic: string
  constructor(topic: string, message: string, options?: { cause?: unknown; code?: string }) {
    super(options?.code ?? 'PRODUCTION', message, options)
    this.topic = topic
  }
}

/** A ProductionError that is known before sending: the record alone is larger than its topic allows. */
export class RecordTooLargeError extends ProductionError {
  readonly bytes: number
  readonly maxBytes: number
  constructor(topic: string, bytes: number, maxBytes: number) {
    const message = `a record for ${topic} has ${bytes} bytes, more than its max.message.bytes of ${maxBytes}`
    super(topic, message, { code: 'RECORD_TOO_LARGE' })
    this.bytes = bytes
    this.maxBytes = maxBytes
  }
}

/**
 * A ProductionError of a store: one of its rows cannot be written to its changelog. State must be in the changelog, so the record
 * behind the row is skipped with all its effects, or the instance stops.
 */
export class ChangelogRefusedError extends ProductionError {
  constructor(store: string, topic: string, row: string, options: { cause: unknown }) {
    const why = options.cause instanceof Error ? options.cause.message : String(options.cause)
    const message = `store ${store}: ${row} cannot be written to the changelog: ${why}`
    super(topic, message, { ...options, code: 'CHANGELOG_REFUSED' })
  }
}

/** The application's description of a record for log lines: names and texts of fields. */
export type RecordDescription = Readonly<Record<string, string>>

/** Change the code, the data or the handler: the task cannot get past this record. */
export class RecordFailedError extends StreamsError {
  readonly taskId: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Description for the log. */
  readonly description: RecordDescription
  constructor(
    taskId: string,
    record: {
      readonly topic: string
      readonly partition: number
      readonly offset: number
      readonly description?: RecordDescription
      readonly node?: string
    },
    cause: unknown,
  ) {
    const { topic, partition, offset, node } = record
    const where = node === undefined ? '' : ` in ${node}`
    super(
      'RECORD_FAILED',
      `task ${taskId} failed${where} at offset ${offset} of ${partitionName({ topic, partition })}: ${messageOf(cause)}`,
      {
        cause,
      },
    )
    this.taskId = taskId
    this.topic = topic
    this.partition = partition
    this.offset = offset
    this.description = record.description ?? {}
  }
}

/** Stop this process: another instance has asked all of the application to stop. */
export class ApplicationShutdownError extends StreamsError {
  constructor(reason: string) {
    super('APPLICATION_SHUTDOWN', `another instance asked the whole application to stop: ${reason}`)
  }
}

/** Stop and look: the state directory has a format this version does not know, or belongs to someone else. */
export class StateDirectoryError extends StreamsError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('STATE_DIRECTORY', message, options)
  }
}

/** For the log: the machine went down while these tasks had their stores open, so they are restored from their changelogs. */
export class StateDistrustedError extends StreamsError {
  readonly taskIds: readonly string[]
  constructor(taskIds: readonly string[]) {
    super(
      'STATE_DISTRUSTED',
      'the machine was restarted while the state directory was in use: all of its stores are restored',
    )
    this.taskIds = taskIds
  }
}

/** Destroy this one store, open it again and restore it from its changelog (Kafka Streams: TaskCorruptedException). */
export class StoreCorruptedError extends StreamsError {
  readonly taskId: string
  readonly storeName: string
  constructor(taskId: string, storeName: string, message: string, options?: { cause?: unknown }) {
    super('STORE_CORRUPTED', `store ${storeName} of task ${taskId}: ${message}`, options)
    this.taskId = taskId
    this.storeName = storeName
  }
}

/**
 * The store was away for longer than its changelog keeps deletes, so deleted rows may come back. Decide: STALE_STORE=restore
 * rebuilds it.
 */
export class StaleStoreError extends StreamsError {
  constructor(taskId: string, storeName: string, why: string) {
    super('STALE_STORE', `store ${storeName} of task ${taskId} ${why}: deleted rows could come back`)
  }
}

/** The store cannot be used any longer (closed, or a write failed). Close it and open it again from committed data. */
export class StoreClosedError extends StreamsError {
  constructor(storeName: string, why: string, options?: { cause?: unknown }) {
    super('STORE_CLOSED', `store ${storeName} ${why}`, options)
  }
}
