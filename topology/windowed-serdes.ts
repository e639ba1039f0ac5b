import type { Serde } from '../state/ports/serde.ts'
import type { Windowed } from '../state/ports/stores.ts'
import { ByteWriter, lengthOf, readLong } from './byte-writer.ts'
import { partitionForKey } from './default-partitioner.ts'
import type { StreamPartitioner } from './plan.ts'
import { serdeAround } from './serde-around.ts'

/** A serde of windowed keys knows the serde of the key inside: records are partitioned by that alone. */
export interface WindowedSerde<K> extends Serde<Windowed<K>> {
  readonly inner: Serde<K>
}

/** Key bytes, then 8 bytes of window start; the end follows from the size. Kafka Streams' TimeWindowedSerde. */
export function timeWindowedSerde<K>(inner: Serde<K>, sizeMs: number): WindowedSerde<K> {
  return serdeAround(inner, (each) => plainTimeWindowedSerde(each, sizeMs))
}

function plainTimeWindowedSerde<K>(inner: Serde<K>, sizeMs: number): WindowedSerde<K> {
  return {
    inner,
    serialize(topic, { key, window }, headers) {
      const bytes = inner.serialize(topic, key, headers)
      return new ByteWriter(lengthOf(bytes) + 8).put(bytes).int64(window.start).bytes
    },
    deserialize(topic, bytes, headers) {
      const at = bytes.length - 8
      const start = readTime(bytes, at)
      return { key: inner.deserialize(topic, bytes.subarray(0, at), headers), window: { start, end: start + sizeMs } }
    },
  }
}

/** Key bytes, then 8 bytes of session end and 8 bytes of session start. Kafka Streams' SessionWindowedSerde. */
export function sessionWindowedSerde<K>(inner: Serde<K>): WindowedSerde<K> {
  return serdeAround(inner, plainSessionWindowedSerde)
}

function plainSessionWindowedSerde<K>(inner: Serde<K>): WindowedSerde<K> {
  return {
    inner,
    serialize(topic, { key, window }, headers) {
      const bytes = inner.serialize(topic, key, headers)
      return new ByteWriter(lengthOf(bytes) + 16).put(bytes).int64(window.end).int64(window.start).bytes
    },
    deserialize(topic, bytes, headers) {
      const at = bytes.length - 16
      const window = { start: readTime(bytes, at + 8), end: readTime(bytes, at) }
      return { key: inner.deserialize(topic, bytes.subarray(0, at), headers), window }
    },
  }
}

/** For sinks with windowed keys: the partition of the key inside, so that all windows of a key stay together. */
export function partitionerFor(keySerde: Serde<unknown>): StreamPartitioner | undefined {
  if (!isWindowed(keySerde)) return undefined
  const { inner } = keySerde
  return (topic, key, _value, partitions) =>
    partitionForKey(inner.serialize(topic, (key as Windowed<unknown>).key), partitions)
}

function isWindowed(serde: Serde<unknown>): serde is WindowedSerde<unknown> {
  return 'inner' in serde
}

function readTime(bytes: Buffer, at: number): number {
  if (at < 0) throw new RangeError('too few bytes for a windowed key')
  return readLong(bytes, at)
}
