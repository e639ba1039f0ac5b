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
  constructor(message: string) {
    super('CONFIG', message)
  }
}

/** Stop this process: a newer instance took its place, or another process owns the directory. */
export class FencedError extends StreamsError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('FENCED', message, options)
  }
}

/** Drop uncommitted state, initialise the writer, resume from the last commit. Nothing of the commit is visible. */
export class CommitFailedError extends StreamsError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('COMMIT_FAILED', message, options)
  }
}

/** As CommitFailedError, but the commit may have become visible: re-read stable offsets, restore. */
export class CommitUnknownError extends StreamsError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('COMMIT_UNKNOWN', message, options)
  }
}

/** The position is not in the log any more: apply the reset policy (sources) or rebuild the store (changelogs). */
export class OffsetOutOfRangeError extends StreamsError {
  readonly topic: string
  readonly partition: number
  constructor(topic: string, partition: number, position: number) {
    super('OFFSET_OUT_OF_RANGE', `offset ${position} of ${topic}-${partition} is out of range`)
    this.topic = topic
    this.partition = partition
  }
}

/** The bytes are not a record of this topic. The record becomes a dead letter or stops the app, as configured. */
export class InvalidRecordError extends StreamsError {
  /** Short, for the metric label: json, schema, key, ... */
  readonly reason: string
  constructor(reason: string, message: string) {
    super('INVALID_RECORD', message)
    this.reason = reason
  }
}

/** Stop and look: the state directory has a format this version does not know, or belongs to someone else. */
export class StateDirectoryError extends StreamsError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('STATE_DIRECTORY', message, options)
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

/** The store cannot be used any more (closed, or a write failed): close it and open it again from committed data. */
export class StoreClosedError extends StreamsError {
  constructor(storeName: string, why: string, options?: { cause?: unknown }) {
    super('STORE_CLOSED', `store ${storeName} ${why}`, options)
  }
}
