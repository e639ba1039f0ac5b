import type { Serde } from '../../state/ports/serde.ts'
import { serdeAround } from '../serde-around.ts'
import { pushSized, readHeaders, readSized, writeHeaders } from './headers-codec.ts'
import type { BufferedChange } from './suppress-buffer.ts'

/**
 * Row of a suppress buffer: buffer time and timestamp (8 bytes each), then new, old and prior value with 4 bytes of length
 * before each (-1 for null), then the headers.
 */
export function bufferedChangeSerde<V>(inner: Serde<V>): Serde<BufferedChange<V>> {
  return serdeAround(inner, plainBufferedChangeSerde)
}

function plainBufferedChangeSerde<V>(inner: Serde<V>): Serde<BufferedChange<V>> {
  return {
    serialize(topic, { bufferTime, timestamp, newValue, oldValue, priorValue, headers }) {
      const head = Buffer.allocUnsafe(16)
      head.writeBigInt64BE(BigInt(bufferTime), 0)
      head.writeBigInt64BE(BigInt(timestamp), 8)
      const parts = [head]
      for (const value of [newValue, oldValue, priorValue])
        pushSized(parts, value === null ? null : Buffer.from(inner.serialize(topic, value)))
      return Buffer.concat([...parts, ...writeHeaders(headers)])
    },
    deserialize(topic, bytes) {
      let at = 16
      const next = (): V | null => {
        const [part, behind] = readSized(bytes, at)
        at = behind
        return part === null ? null : inner.deserialize(topic, part)
      }
      const newValue = next()
      const oldValue = next()
      const priorValue = next()
      return {
        bufferTime: Number(bytes.readBigInt64BE(0)),
        timestamp: Number(bytes.readBigInt64BE(8)),
        newValue,
        oldValue,
        priorValue,
        headers: readHeaders(bytes, at)[0],
      }
    },
  }
}
