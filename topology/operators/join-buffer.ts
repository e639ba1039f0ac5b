import type { Headers } from '../../state/ports/headers.ts'
import type { KeptNumber } from '../../state/ports/kept-number.ts'
import type { Serde } from '../../state/ports/serde.ts'
import type { KeyValueStore } from '../../state/ports/stores.ts'
import { ByteWriter, lengthOf, readLong } from '../byte-writer.ts'
import { record, type StreamRecord } from '../record.ts'
import { serdeAround } from '../serde-around.ts'
import { copyHeaders, headersLength, readHeaders, writeHeaders } from './headers-codec.ts'

/** Place of a waiting record: by time, then key bytes, then order of arrival. */
export interface WaitingKey<K> {
  readonly timestamp: number
  readonly key: K
  readonly arrival: number
}

export interface WaitingValue<V> {
  readonly value: V
  readonly headers: Headers
}

export type JoinBufferStore<K, V> = KeyValueStore<WaitingKey<K>, WaitingValue<V>>

/**
 * Records that wait until stream time has passed theirs by the grace period.
 *
 * Invariants:
 * 1. No record in the store is older than `oldest`.
 * 2. `observed` is the greatest timestamp ever held, or of an idle tick; arrival numbers grow.
 */
export class JoinBuffer<K, V> {
  readonly #store: JoinBufferStore<K, V>
  readonly #graceMs: number
  readonly #observed: KeptNumber
  #oldest = Number.POSITIVE_INFINITY
  #arrival = 0

  constructor(store: JoinBufferStore<K, V>, graceMs: number, observed: KeptNumber) {
    this.#store = store
    this.#graceMs = graceMs
    this.#observed = observed
    for (const [{ timestamp, arrival }] of store.all()) {
      this.#observed.advance(timestamp)
      this.#oldest = Math.min(this.#oldest, timestamp)
      this.#arrival = Math.max(this.#arrival, arrival + 1)
    }
  }

  /** Returns false when the record is too late to wait. */
  put({ key, value, timestamp, headers }: StreamRecord<K, V>): boolean {
    if (this.#observed.value - this.#graceMs > timestamp) return false
    this.#observed.advance(timestamp)
    this.#oldest = Math.min(this.#oldest, timestamp)
    this.#store.put({ timestamp, key, arrival: this.#arrival }, { value, headers: copyHeaders(headers) })
    this.#arrival += 1
    return true
  }

  /** Stream time at which the grace of the first record is over; +Infinity when none waits. */
  get due(): number {
    return this.#oldest + this.#graceMs
  }

  /** Stream time has passed without a record. */
  advance(streamTime: number): void {
    this.#observed.advance(streamTime)
  }

  /** Takes out the records whose grace is over. */
  takeDue(): StreamRecord<K, V>[] {
    const limit = this.#observed.value - this.#graceMs
    if (this.#oldest > limit) return []
    const due: StreamRecord<K, V>[] = []
    const taken: WaitingKey<K>[] = []
    this.#oldest = Number.POSITIVE_INFINITY
    for (const [waiting, { value, headers }] of this.#store.all()) {
      if (waiting.timestamp > limit) {
        this.#oldest = waiting.timestamp
        break
      }
      due.push(record(waiting.key, value, waiting.timestamp, headers))
      taken.push(waiting)
    }
    for (const waiting of taken) this.#store.put(waiting, null)
    return due
  }
}

/** 8 bytes of timestamp, 1 byte (0 for a null key), the key, 4 bytes of arrival number. */
export function waitingKeySerde<K>(inner: Serde<K>): Serde<WaitingKey<K>> {
  return serdeAround(inner, plainWaitingKeySerde)
}

function plainWaitingKeySerde<K>(inner: Serde<K>): Serde<WaitingKey<K>> {
  return {
    serialize(topic, { timestamp, key, arrival }) {
      const bytes = key === null ? '' : inner.serialize(topic, key)
      return new ByteWriter(13 + lengthOf(bytes))
        .int64(timestamp)
        .int8(key === null ? 0 : 1)
        .put(bytes)
        .int32(arrival | 0).bytes
    },
    deserialize(topic, bytes) {
      const end = bytes.length - 4
      return {
        timestamp: readLong(bytes, 0),
        key: bytes.readUInt8(8) === 0 ? (null as K) : inner.deserialize(topic, bytes.subarray(9, end)),
        arrival: bytes.readUInt32BE(end),
      }
    },
  }
}

/** Headers, then the value. */
export function waitingValueSerde<V>(inner: Serde<V>): Serde<WaitingValue<V>> {
  return serdeAround(inner, plainWaitingValueSerde)
}

function plainWaitingValueSerde<V>(inner: Serde<V>): Serde<WaitingValue<V>> {
  return {
    serialize(topic, { value, headers }) {
      const bytes = inner.serialize(topic, value)
      return writeHeaders(new ByteWriter(headersLength(headers) + lengthOf(bytes)), headers).put(bytes).bytes
    },
    deserialize(topic, bytes) {
      const [headers, at] = readHeaders(bytes, 0)
      return { value: inner.deserialize(topic, bytes.subarray(at)), headers }
    },
  }
}
