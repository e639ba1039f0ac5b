import { UserCodeError } from '../../state/ports/errors.ts'
import { shownKind } from '../../state/ports/serde.ts'
import { answerOf } from '../../state/ports/thenable.ts'
import type { Processor, ProcessorContext, ProcessorSupplier } from '../processor.ts'
import { record, type StreamRecord } from '../record.ts'
import { holds } from './predicate.ts'

/** Base of operators without state beyond their context. */
abstract class Stateless<KIn, VIn, KOut, VOut> implements Processor<KIn, VIn, KOut, VOut> {
  protected context!: ProcessorContext<KOut, VOut>
  protected name = ''

  init(context: ProcessorContext<KOut, VOut>): void {
    this.context = context
    this.name = context.nodeName
  }

  abstract process(record: StreamRecord<KIn, VIn>): void
}

class Filter<K, V> extends Stateless<K, V, K, V> {
  readonly #predicate: (key: K, value: V) => boolean
  readonly #wanted: boolean

  constructor(predicate: (key: K, value: V) => boolean, wanted: boolean) {
    super()
    this.#predicate = predicate
    this.#wanted = wanted
  }

  process(input: StreamRecord<K, V>): void {
    if (holds(this.#predicate(input.key, input.value), this.name) === this.#wanted) this.context.forward(input)
  }
}

class MapRecord<K, V, KR, VR> extends Stateless<K, V, KR, VR> {
  readonly #mapper: (key: K, value: V) => readonly [KR, VR]

  constructor(mapper: (key: K, value: V) => readonly [KR, VR]) {
    super()
    this.#mapper = mapper
  }

  process({ key, value, timestamp, headers }: StreamRecord<K, V>): void {
    const [newKey, newValue] = pair(answerOf('the mapper of', this.#mapper(key, value), this.name), this.name)
    this.context.forward(record(newKey, newValue, timestamp, headers))
  }
}

class SelectKey<K, V, KR> extends Stateless<K, V, KR, V> {
  readonly #selector: (key: K, value: V) => KR

  constructor(selector: (key: K, value: V) => KR) {
    super()
    this.#selector = selector
  }

  process({ key, value, timestamp, headers }: StreamRecord<K, V>): void {
    this.context.forward(record(this.#selector(key, value), value, timestamp, headers))
  }
}

class MapValues<K, V, VR> extends Stateless<K, V, K, VR> {
  readonly #mapper: (value: V, key: K) => VR

  constructor(mapper: (value: V, key: K) => VR) {
    super()
    this.#mapper = mapper
  }

  process({ key, value, timestamp, headers }: StreamRecord<K, V>): void {
    this.context.forward(record(key, this.#mapper(value, key), timestamp, headers))
  }
}

class FlatMap<K, V, KR, VR> extends Stateless<K, V, KR, VR> {
  readonly #mapper: (key: K, value: V) => Iterable<readonly [KR, VR]>

  constructor(mapper: (key: K, value: V) => Iterable<readonly [KR, VR]>) {
    super()
    this.#mapper = mapper
  }

  process({ key, value, timestamp, headers }: StreamRecord<K, V>): void {
    for (const each of list(answerOf('the mapper of', this.#mapper(key, value), this.name), this.name)) {
      const [newKey, newValue] = pair(each, this.name)
      this.context.forward(record(newKey, newValue, timestamp, headers))
    }
  }
}

class FlatMapValues<K, V, VR> extends Stateless<K, V, K, VR> {
  readonly #mapper: (value: V, key: K) => Iterable<VR>

  constructor(mapper: (value: V, key: K) => Iterable<VR>) {
    super()
    this.#mapper = mapper
  }

  process({ key, value, timestamp, headers }: StreamRecord<K, V>): void {
    for (const newValue of list(answerOf('the mapper of', this.#mapper(value, key), this.name), this.name))
      this.context.forward(record(key, newValue, timestamp, headers))
  }
}

class Peek<K, V> extends Stateless<K, V, K, V> {
  readonly #action: (key: K, value: V) => void

  constructor(action: (key: K, value: V) => void) {
    super()
    this.#action = action
  }

  process(input: StreamRecord<K, V>): void {
    answerOf<unknown>('the action of', this.#action(input.key, input.value), this.name)
    this.context.forward(input)
  }
}

class PassThrough<K, V> extends Stateless<K, V, K, V> {
  process(input: StreamRecord<K, V>): void {
    this.context.forward(input)
  }
}

/** Keeps records for which the predicate is `wanted`. */
export function filter<K, V>(predicate: (key: K, value: V) => boolean, wanted: boolean): ProcessorSupplier<K, V, K, V> {
  return () => new Filter(predicate, wanted)
}

export function map<K, V, KR, VR>(mapper: (key: K, value: V) => readonly [KR, VR]): ProcessorSupplier<K, V, KR, VR> {
  return () => new MapRecord(mapper)
}

export function selectKey<K, V, KR>(selector: (key: K, value: V) => KR): ProcessorSupplier<K, V, KR, V> {
  return () => new SelectKey(selector)
}

export function mapValues<K, V, VR>(mapper: (value: V, key: K) => VR): ProcessorSupplier<K, V, K, VR> {
  return () => new MapValues(mapper)
}

export function flatMap<K, V, KR, VR>(
  mapper: (key: K, value: V) => Iterable<readonly [KR, VR]>,
): ProcessorSupplier<K, V, KR, VR> {
  return () => new FlatMap(mapper)
}

export function flatMapValues<K, V, VR>(mapper: (value: V, key: K) => Iterable<VR>): ProcessorSupplier<K, V, K, VR> {
  return () => new FlatMapValues(mapper)
}

export function peek<K, V>(action: (key: K, value: V) => void): ProcessorSupplier<K, V, K, V> {
  return () => new Peek(action)
}

export function passThrough<K, V>(): ProcessorSupplier<K, V, K, V> {
  return () => new PassThrough()
}

/** A mapper's answer, for records with another key. @throws UserCodeError */
function pair<K, V>(answer: readonly [K, V], name: string): readonly [K, V] {
  if (Array.isArray(answer)) return answer
  throw new UserCodeError(`the mapper of ${name} must return [key, value], not ${shownKind(answer)}`)
}

/** A mapper's answer, for several records. @throws UserCodeError */
function list<T>(answer: Iterable<T>, name: string): Iterable<T> {
  if (typeof answer?.[Symbol.iterator] === 'function') return answer
  throw new UserCodeError(`the mapper of ${name} must return an iterable, not ${shownKind(answer)}`)
}
