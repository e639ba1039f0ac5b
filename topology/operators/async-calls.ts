import { messageOf, SerdeError, StreamsTopologyError } from '../../state/ports/errors.ts'
import { bufferOf, checkedSerialized, type Serde, type Serialized, serdeName } from '../../state/ports/serde.ts'
import type { KeyValueStore } from '../../state/ports/stores.ts'
import { answerOf } from '../../state/ports/thenable.ts'
import { answersTopicOf } from '../answers-topic.ts'
import type { AsyncCall, CallOperator, CallQueue, CallSettings, CallSource, UnansweredCall } from '../async-call.ts'
import type { AsyncProcessor } from '../async-processor.ts'
import type { Processor, ProcessorContext, ProcessorSupplier } from '../processor.ts'
import { record, type StreamRecord } from '../record.ts'
import { callInRow, readRow, sourceInRow, type UnansweredRow, writeRow } from './unanswered-row.ts'

export interface AsyncCallsOptions<K, V> {
  readonly storeName: string
  readonly settings: CallSettings
  readonly keySerde: Serde<K>
  readonly valueSerde: Serde<V>
  /** null: answers are not recorded. */
  readonly answerSerde: Serde<unknown> | null
}

/*
 * A node that asks outside of the topology. Owns the rows of its unanswered calls.
 * 1. There is a row for each record that came in and whose call has no end yet. The row, and with it the call, ends in the same
 *    commit as the effects of the answer.
 * 2. Sequence numbers grow in the order in which records came in. They start again only when no row is left.
 * 3. A callback gets a record of its own, made from the row: nothing that it changes shows elsewhere.
 */
class AsyncCalls<K, V, A, KR, VR> implements Processor<K, V, KR, VR>, CallOperator<A> {
  readonly #inner: AsyncProcessor<K, V, A, KR, VR>
  readonly #options: AsyncCallsOptions<K, V>
  #store!: KeyValueStore<number, Buffer>
  #queue!: CallQueue
  answersTopic: string | null = null
  #serdeTopic = ''
  #node = ''
  #taskId = ''
  #partition = 0
  #next = 0
  #last: CallSource | null = null
  #index = 0

  constructor(inner: AsyncProcessor<K, V, A, KR, VR>, options: AsyncCallsOptions<K, V>) {
    this.#inner = inner
    this.#options = options
  }

  init(context: ProcessorContext<KR, VR>): void {
    const { storeName, settings, answerSerde } = this.#options
    const queue = context.openCalls?.(this as CallOperator, settings)
    if (queue === undefined)
      throw new StreamsTopologyError(
        `${context.nodeName} makes calls: run it in a topology, by TopologyTestDriver in tests`,
      )
    this.#queue = queue
    this.#node = context.nodeName
    this.#taskId = context.taskId
    this.#partition = context.partition
    this.#serdeTopic = `${context.applicationId}-${storeName}-changelog`
    if (answerSerde !== null) this.answersTopic = `${context.applicationId}-${answersTopicOf(context.nodeName)}`
    this.#store = context.store(storeName)
    this.#next = queue.firstSequence ?? 0
    answerOf<unknown>('init() of', this.#inner.init?.(context), this.#node)
    for (const [sequence, row] of this.#store.all()) {
      queue.add(this.#call(sequence, row, readRow(row)))
      this.#next = Math.max(this.#next, sequence + 1)
    }
  }

  process({ key, value, timestamp, headers }: StreamRecord<K, V>): void {
    const { keySerde, valueSerde } = this.#options
    const source = this.#queue.source()
    this.#index = source !== null && isSamePlace(source, this.#last) ? this.#index + 1 : 0
    this.#last = source
    const row = {
      source,
      index: this.#index,
      timestamp,
      headers,
      key: key === null ? null : this.#serialized(keySerde, 'key', key),
      value: value === null ? null : this.#serialized(valueSerde, 'value', value),
    }
    const bytes = writeRow(row)
    const sequence = this.#queue.knownSequence?.(this.#call(0, bytes, row)) ?? this.#next++
    // A store that knows that there was no row logs neither the row nor its end, when the answer comes before the commit.
    this.#store.putIfAbsent(sequence, bytes)
    this.#queue.add(this.#call(sequence, bytes, row))
  }

  close(): void {
    answerOf<unknown>('close() of', this.#inner.close?.(), this.#node)
  }

  // CallOperator

  writeAnswer(answer: A): Serialized | null {
    const serde = this.#options.answerSerde
    if (answer === null || answer === undefined || serde === null) return null
    try {
      return checkedSerialized(serde.serialize(this.answersTopic ?? '', answer))
    } catch (cause) {
      throw new SerdeError(this.#aboutAnswer(serde, 'serialise', cause), { cause })
    }
  }

  readAnswer(bytes: Buffer | null): A {
    const serde = this.#options.answerSerde
    if (bytes === null || serde === null) return null as A
    try {
      return serde.deserialize(this.answersTopic ?? '', bytes) as A
    } catch (cause) {
      throw new SerdeError(this.#aboutAnswer(serde, 'read', cause), { cause })
    }
  }

  recordOf({ row }: UnansweredCall): StreamRecord<K, V> {
    const { keySerde, valueSerde } = this.#options
    const { key, value, timestamp, headers } = readRow(row)
    return record(this.#read(keySerde, 'key', key), this.#read(valueSerde, 'value', value), timestamp, headers)
  }

  sourceOf(call: UnansweredCall): CallSource {
    return sourceInRow(call)
  }

  ask(
    call: UnansweredCall,
    asked: StreamRecord<K, V>,
    { signal, attempt }: Pick<AsyncCall, 'signal' | 'attempt'>,
  ): PromiseLike<A> | A {
    const { topic, partition, offset, index } = call
    const { timestamp, headers } = asked
    const idempotencyKey = offset < 0 ? null : `${this.#node}:${topic}:${partition}:${offset}:${index}`
    return this.#inner.call(asked, { signal, attempt, idempotencyKey, timestamp, headers })
  }

  answered(asked: StreamRecord<K, V>, answer: A): void {
    answerOf<unknown>('process() of', this.#inner.process(asked, answer), this.#node)
  }

  remove({ sequence }: UnansweredCall): void {
    this.#store.put(sequence, null)
  }

  #call(sequence: number, bytes: Buffer, row: UnansweredRow): UnansweredCall {
    return callInRow(this.#node, this.#partition, sequence, bytes, row)
  }

  #serialized<T>(serde: Serde<T>, part: 'key' | 'value', given: T): Buffer {
    try {
      return bufferOf(checkedSerialized(serde.serialize(this.#serdeTopic, given)))
    } catch (cause) {
      throw new SerdeError(`${this.#what(serde, 'serialise', part)}: ${messageOf(cause)}`, { cause })
    }
  }

  #read<T>(serde: Serde<T>, part: 'key' | 'value', bytes: Buffer | null): T {
    if (bytes === null) return null as T
    try {
      return serde.deserialize(this.#serdeTopic, bytes)
    } catch (cause) {
      throw new SerdeError(`${this.#what(serde, 'read', part)}: ${messageOf(cause)}`, { cause })
    }
  }

  #aboutAnswer(serde: Pick<Serde<unknown>, 'name'>, verb: string, cause: unknown): string {
    return `task ${this.#taskId}: ${serdeName(serde)} cannot ${verb} an answer of ${this.#node}: ${messageOf(cause)}`
  }

  #what(serde: Pick<Serde<unknown>, 'name'>, verb: string, part: string): string {
    return `task ${this.#taskId}: ${serdeName(serde)} cannot ${verb} the ${part} of a record that waits in ${this.#node}`
  }
}

function isSamePlace(a: CallSource, b: CallSource | null): boolean {
  return b !== null && a.offset === b.offset && a.partition === b.partition && a.topic === b.topic
}

export function asyncCalls<K, V, A, KR, VR>(
  supplier: () => AsyncProcessor<K, V, A, KR, VR>,
  options: AsyncCallsOptions<K, V>,
): ProcessorSupplier<K, V, KR, VR> {
  return () => new AsyncCalls(supplier(), options)
}

/** The answer is the new value. */
export function mapAsync<K, V, VR>(
  call: (value: V, key: K, call: AsyncCall) => PromiseLike<VR> | VR,
): () => AsyncProcessor<K, V, VR, K, VR> {
  return () => {
    let context: ProcessorContext<K, VR>
    return {
      init(given) {
        context = given
      },
      call: ({ key, value }, attempt) => call(value, key, attempt),
      process: ({ key, timestamp, headers }, answer) => context.forward(record(key, answer, timestamp, headers)),
    }
  }
}

/** The answer is any number of new values. */
export function flatMapAsync<K, V, VR>(
  call: (value: V, key: K, call: AsyncCall) => PromiseLike<Iterable<VR>> | Iterable<VR>,
): () => AsyncProcessor<K, V, readonly VR[], K, VR> {
  return () => {
    let context: ProcessorContext<K, VR>
    return {
      init(given) {
        context = given
      },
      // An iterable may be read once only, and an answer may be recorded as well.
      call: async ({ key, value }, attempt) => [...(await call(value, key, attempt))],
      process({ key, timestamp, headers }, answer) {
        for (const value of answer) context.forward(record(key, value, timestamp, headers))
      },
    }
  }
}
