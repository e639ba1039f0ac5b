import { bufferOf, type Serde, type Serialized } from '../state/ports/serde.ts'
import { type Change, change } from './operators/change.ts'
import { serdeAround } from './serde-around.ts'
import { readUnsignedVarint, writeUnsignedVarint } from './varint.ts'

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
    serialize(topic, value, headers): Serialized {
      const newBytes = value.newValue === null ? null : bufferOf(inner.serialize(topic, value.newValue, headers))
      const oldBytes = value.oldValue === null ? null : bufferOf(inner.serialize(topic, value.oldValue, headers))
      if (newBytes !== null && oldBytes !== null) {
        const length = writeUnsignedVarint(newBytes.length * 2)
        return Buffer.concat([length, newBytes, oldBytes, Buffer.of(BOTH)])
      }
      if (newBytes !== null) return Buffer.concat([newBytes, Buffer.of(NEW_ONLY)])
      if (oldBytes !== null) return Buffer.concat([oldBytes, Buffer.of(OLD_ONLY)])
      throw new Error('a change without old and new value cannot be serialised')
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
          const [zigzag, start] = readUnsignedVarint(body, 0)
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
