import type { Headers } from '../state/ports/headers.ts'
import type { Serde, Serialized } from '../state/ports/serde.ts'
import type { StreamRecord } from './record.ts'

/** One attempt of a call, as its callback sees it. */
export interface AsyncCall {
  /**
   * Aborted when the attempt takes longer than timeoutMs, and when the task is closed or moves to another instance. Pass it on, to
   * `fetch()` for example. Nothing waits for a callback that ignores it.
   */
  readonly signal: AbortSignal
  /** 1 for the first attempt since the record came in, or since the task was opened again. */
  readonly attempt: number
  /**
   * The same text for every attempt at this record, also after a crash, and another one for every other record: for services that
   * take an idempotency key. null when no input record is behind the record: a punctuator or a cached table sent it.
   */
  readonly idempotencyKey: string | null
  /** Event time of the record, epoch ms. */
  readonly timestamp: number
  /** Headers of the record. */
  readonly headers: Headers
}

/**
 * The order of calls and of their effects.
 * `key`: the calls of one key are made one after another, in the order of the records. Records without a key wait for none.
 * `partition`: as `key`; and the answers take effect in the order of the task's records, whenever they come.
 * `none`: calls are made and answers take effect as they come.
 */
export type AsyncOrder = 'key' | 'partition' | 'none'

/** Decides what happens after a failed attempt: an error of the callback, or timeoutMs. */
export interface AsyncRetry {
  /** Most attempts, the first one included; default 3. They are counted anew when the task is opened again. */
  readonly attempts?: number | undefined
  /** Pause after the first failed attempt, ms; default 100. Each further one is twice as long. */
  readonly backoffMs?: number | undefined
  /** Longest pause, ms; default 30,000. */
  readonly maxBackoffMs?: number | undefined
  /** False for an error that another attempt would meet again: the call fails for good at once. Default: all are tried again. */
  readonly isRetriable?: ((error: unknown) => boolean) | undefined
}

/** The topic `<application id>-<name>-answers`, to which answers are written in the transaction of their effects. */
export interface AsyncAnswers<A> {
  /** Writes and reads answers: what a callback resolves with. Null is a null on the wire. */
  readonly serde: Serde<NonNullable<A>>
  /**
   * How long Kafka keeps answers, ms; -1: for good. Answers have the time of their record: give the retention of the input topic, and both
   * are there equally long. The topic gets it when the application creates it.
   */
  readonly retentionMs: number
}

/** Settings of calls, by which a task makes them. */
export interface AsyncLimits {
  /** Calls that one task (one partition) makes at the same time; default 16. */
  readonly concurrency?: number | undefined
  /** Longest time of one attempt, ms; default 30,000. */
  readonly timeoutMs?: number | undefined
  readonly retry?: AsyncRetry | undefined
  /** Default `key`. */
  readonly order?: AsyncOrder | undefined
  /** Unanswered records of a task at which it stops to process input; default 1000. */
  readonly maxWaiting?: number | undefined
  /** The same in bytes of their rows; default 16 MiB. */
  readonly maxWaitingBytes?: number | undefined
}

/** AsyncLimits with nothing left out. */
export interface CallSettings {
  readonly concurrency: number
  readonly timeoutMs: number
  readonly attempts: number
  readonly backoffMs: number
  readonly maxBackoffMs: number
  readonly isRetriable: (error: unknown) => boolean
  readonly order: AsyncOrder
  readonly maxWaiting: number
  readonly maxWaitingBytes: number
}

/** The input record behind a call, as bytes. An offset of -1: there is none, and it is the call's own record. */
export interface CallSource {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Epoch ms. */
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Headers
}

/** A record whose call is not answered yet. Everything else of it is in its row. */
export interface UnansweredCall {
  /** Place in the order of records of its node. */
  readonly sequence: number
  /** Key bytes as a binary string; null without a key. */
  readonly key: string | null
  readonly row: Buffer
  /** Place of its input record; an offset of -1: there is none. */
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Number of this call among those that come from the same input record. */
  readonly index: number
}

/** The half of a node's calls that the topology knows: how to ask, what an answer means, and the row. */
export interface CallOperator<A = unknown> {
  /** Where answers are recorded; null: nowhere. */
  readonly answersTopic: string | null
  /** @throws SerdeError */
  writeAnswer(answer: A): Serialized | null
  /** @throws SerdeError */
  readAnswer(bytes: Buffer | null): A
  /** @throws what the serdes of the record throw */
  recordOf(call: UnansweredCall): StreamRecord<unknown, unknown>
  sourceOf(call: UnansweredCall): CallSource
  /** Begins an attempt. May throw. */
  ask(
    call: UnansweredCall,
    record: StreamRecord<unknown, unknown>,
    attempt: Pick<AsyncCall, 'signal' | 'attempt'>,
  ): PromiseLike<A> | A
  /** Processes the answer. */
  answered(record: StreamRecord<unknown, unknown>, answer: A): void
  /** Deletes the row. */
  remove(call: UnansweredCall): void
}

/** The other half, which belongs to the task: when to ask, and when an answer is processed. */
export interface CallQueue {
  /** The record that the task processes now; null when a punctuator, a flush or a tick runs. */
  source(): CallSource | null
  /** A record has come in, or was found unanswered when the task was opened. In the order of their sequence. */
  add(call: UnansweredCall): void
  /** Where input is processed again: the sequence of the unanswered call that this one is; null: any that is free. */
  knownSequence?(call: UnansweredCall): number | null
  /** Where input is processed again: the first free sequence, beyond those of unanswered calls. */
  readonly firstSequence?: number | undefined
}
