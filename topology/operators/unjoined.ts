import type { Serde } from '../../state/ports/serde.ts'
import { ByteWriter, lengthOf, readLong, sizedLength } from '../byte-writer.ts'
import { preparedWith, serdeAround } from '../serde-around.ts'

/** Address of the records of one side, key and time that have not found a match yet. Ordered by time, right side first. */
export interface UnjoinedKey<K> {
  readonly key: K
  readonly timestamp: number
  readonly left: boolean
}

export interface UnjoinedValue {
  readonly left: boolean
  readonly value: unknown
}

export function unjoinedKey<K>(key: K, timestamp: number, left: boolean): UnjoinedKey<K> {
  return { key, timestamp, left }
}

/** 8 bytes of timestamp, 1 byte of side (left = 1), the key. */
export function unjoinedKeySerde<K>(inner: Serde<K>): Serde<UnjoinedKey<K>> {
  return serdeAround(inner, plainUnjoinedKeySerde)
}

function plainUnjoinedKeySerde<K>(inner: Serde<K>): Serde<UnjoinedKey<K>> {
  return {
    serialize(topic, { key, timestamp, left }) {
      const bytes = inner.serialize(topic, key)
      return new ByteWriter(9 + lengthOf(bytes))
        .int64(timestamp)
        .int8(left ? 1 : 0)
        .put(bytes).bytes
    },
    deserialize(topic, bytes) {
      return {
        timestamp: readLong(bytes, 0),
        left: bytes.readUInt8(8) === 1,
        key: inner.deserialize(topic, bytes.subarray(9)),
      }
    },
  }
}

/** Per value: 1 byte of side (left = 1), 4 bytes of length, the value. */
export function unjoinedValuesSerde<VL, VR>(left: Serde<VL>, right: Serde<VR>): Serde<readonly UnjoinedValue[]> {
  const serde: Serde<readonly UnjoinedValue[]> = {
    serialize(topic, values) {
      let length = 0
      const bodies = values.map(({ left: isLeft, value }) => {
        const body = isLeft ? left.serialize(topic, value as VL) : right.serialize(topic, value as VR)
        length += 1 + sizedLength(body)
        return body
      })
      const writer = new ByteWriter(length)
      bodies.forEach((body, i) => {
        writer.int8(values[i]?.left === true ? 1 : 0).sized(body)
      })
      return writer.bytes
    },
    deserialize(topic, bytes) {
      const values: UnjoinedValue[] = []
      for (let at = 0; at < bytes.length; ) {
        const isLeft = bytes.readUInt8(at) === 1
        const end = at + 5 + bytes.readUInt32BE(at + 1)
        const body = bytes.subarray(at + 5, end)
        values.push({ left: isLeft, value: (isLeft ? left : right).deserialize(topic, body) })
        at = end
      }
      return values
    },
  }
  return preparedWith(serde, [left, right])
}
