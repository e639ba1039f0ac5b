import type { Serde } from '../state/ports/serde.ts'
import { ByteWriter, lengthOf, readVarint, varintLength } from './byte-writer.ts'
import { type Change, change } from './operators/change.ts'
import { serdeAround } from './serde-around.ts'

const OLD_ONLY = 0
const NEW_ONLY = 1
const BOTH = 2

/**
 * Serde of a Change on its way through a repartition topic, in Kafka Streams' format (the last byte says which):
 *
 *     {old value} 0        {new value} 1        {zigzag varint: length of new value} {new value} {old value} 2
 *
 * A Change without any value is never sent. Kafka Streams' flags 3 to 5 (with isLatest) are read too.
 */
export function changeSerde<V>(inner: Serde<V>): Serde<Change<V>> {
  return serdeAround(inner, plainChangeSerde)
}

function plainChangeSerde<V>(inner: Serde<V>): Serde<Change<V>> {
  return {
    serialize(topic, { newValue, oldValue }, headers) {
      const after = newValue === null ? null : inner.serialize(topic, newValue, headers)
      const before = oldValue === null ? null : inner.serialize(topic, oldValue, headers)
      if (after !== null && before !== null) {
        const length = lengthOf(after)
        const zigzag = length * 2
        const writer = new ByteWriter(varintLength(zigzag) + length + lengthOf(before) + 1)
        return writer.varint(zigzag).put(after).put(before).int8(BOTH).bytes
      }
      const only = after ?? before
      if (only === null) throw new Error('a change without old and new value cannot be serialised')
      return new ByteWriter(lengthOf(only) + 1).put(only).int8(after === null ? OLD_ONLY : NEW_ONLY).bytes
    },
    deserialize(topic, bytes, headers): Change<V> {
      const flag = bytes.at(-1)
      if (flag === undefined || flag > 5) throw new Error(`unknown encoding flag ${flag} of a change`)
      const late = flag > BOTH && bytes.at(-2) === 0
      const body = bytes.subarray(0, bytes.length - (flag > BOTH ? 2 : 1))
      switch (flag % 3) {
        case OLD_ONLY:
          return change<V>(null, inner.deserialize(topic, body, headers), !late)
        case NEW_ONLY:
          return change<V>(inner.deserialize(topic, body, headers), null, !late)
        default: {
          const [zigzag, start] = readVarint(body, 0)
          const end = start + zigzag / 2
          return change(
            inner.deserialize(topic, body.subarray(start, end), headers),
            inner.deserialize(topic, body.subarray(end), headers),
            !late,
          )
        }
      }
    },
  }
}
