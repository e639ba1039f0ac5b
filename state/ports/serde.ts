import type { Headers } from './headers.ts'

/** Serialised bytes. A string stands for its UTF-8 bytes: the writer encodes it straight into the batch. */
export type Serialized = Buffer | string

/** The bytes themselves, where a Buffer is needed. */
export function bufferOf(serialized: Serialized): Buffer
export function bufferOf(serialized: Serialized | null): Buffer | null
export function bufferOf(serialized: Serialized | null): Buffer | null {
  return typeof serialized === 'string' ? Buffer.from(serialized, 'utf8') : serialized
}

/** Returns a serde's answer if it can be written. @throws TypeError */
export function checkedSerialized(answer: Serialized): Serialized {
  if (typeof answer === 'string' || answer instanceof Buffer) return answer
  throw new TypeError(`serialize() must return a Buffer or a string, not ${shownKind(answer)}`)
}

/** Names the kind of a value, for errors. */
export function shownKind(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value !== 'object') return `a ${typeof value}`
  const { name } = value.constructor ?? {}
  return name === undefined || name === 'Object' ? 'an object' : `a ${name}`
}

/** A longer text is looked at by the runtime: 36 ns for 60 characters, where a loop takes 115. */
const SHORT_TEXT = 24

/** ASCII text is its own UTF-8 and latin1, so the hot path needs no buffer. */
export function isAscii(text: string): boolean {
  if (text.length > SHORT_TEXT) return Buffer.byteLength(text) === text.length
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false
  return true
}

/**
 * How keys or values of one type become bytes and back. Null never reaches a serde: a null key or
 * value is a null on the wire. Implementations are pure and hold no state.
 *
 * `deserialize` throws any Error for bytes that are not of the type; the runtime turns that into a
 * dead letter or a stop, as the deserialization exception handler says. The buffer is a view into a
 * fetch response: copy what must outlive the call.
 */
export interface Serde<T> {
  /** Name of the serde in errors. Default: the name of its class. */
  readonly name?: string
  /** @param headers those the record is written with; undefined for rows of stores */
  serialize(topic: string, value: T, headers?: Headers): Serialized
  /** @param headers the record's; undefined for rows of stores */
  deserialize(topic: string, bytes: Buffer, headers?: Headers): T
  /** For text formats: deserialises from the bytes' text, when they are valid UTF-8 without U+FFFD. Saves a view per record. */
  deserializeText?(topic: string, text: string, headers?: Headers): T
  /** For those who read bytes where they are: the same from `[start, end)` of larger ones. Goes before deserializeText. */
  deserializeIn?(topic: string, bytes: Buffer, start: number, end: number, headers?: Headers): T
  /**
   * For serdes that keep something in headers (the id of a schema): the headers that a record is written with. Called before serialize(),
   * which gets them.
   */
  writtenHeaders?(topic: string, headers: Headers): Headers
  /** For the same serdes: the headers without what was meant for deserialize(). Nodes get these. */
  keptHeaders?(headers: Headers): Headers
  /**
   * For serdes that need something from elsewhere (a schema registry). Awaited before a task is opened that writes the topic or
   * keeps a store with it; `topic` is what the serde gets as topic later. Rejects with a RetriableError to be asked again for
   * taskTimeoutMs; any other error stops the instance.
   */
  prepare?(topic: string, use: SerdeUse): Promise<void>
  /**
   * Awaited before the first of these records is deserialised; null: nothing is missing. Rejects with a RetriableError to be asked
   * again, while the partition waits, for taskTimeoutMs. What cannot be had at all is deserialize()'s to refuse.
   * @param headers those of each record, in the same order; undefined for rows of stores
   */
  prepareRecords?(topic: string, records: readonly Buffer[], headers?: readonly Headers[]): Promise<void> | null
}

/** Tells prepare() what to make ready. `store`: the schemas that the topic's rows were and are written with. */
export type SerdeUse = 'read' | 'write' | 'store'

/** The part of a serde that its type of values does not touch. */
type HeaderUse = Pick<Serde<unknown>, 'writtenHeaders' | 'keptHeaders'>
interface SerdePair {
  readonly keySerde: HeaderUse
  readonly valueSerde: HeaderUse
}

/** The headers that a record is written with by this pair of serdes. */
export function writtenHeaders(
  { keySerde, valueSerde }: SerdePair,
  topic: string,
  { key, value, headers }: { readonly key: unknown; readonly value: unknown; readonly headers: Headers },
): Headers {
  const ofKey = key === null ? headers : (keySerde.writtenHeaders?.(topic, headers) ?? headers)
  return value === null ? ofKey : (valueSerde.writtenHeaders?.(topic, ofKey) ?? ofKey)
}

/** The headers that nodes get of a record that this pair of serdes has read. */
export function keptHeaders({ keySerde, valueSerde }: SerdePair, headers: Headers): Headers {
  if (headers.length === 0) return headers
  const kept = keySerde.keptHeaders?.(headers) ?? headers
  return valueSerde.keptHeaders?.(kept) ?? kept
}

/** Name of a serde for errors. */
export function serdeName(serde: Pick<Serde<unknown>, 'name'>): string {
  if (serde.name !== undefined && serde.name !== '') return `serde ${serde.name}`
  const ofClass = serde.constructor.name
  return ofClass !== 'Object' && ofClass !== '' ? `serde ${ofClass}` : 'its serde'
}
