import type { Serde } from '../../state/ports/serde.ts'
import { ByteWriter, readLong, readSized, sizedLength } from '../byte-writer.ts'
import { serdeAround } from '../serde-around.ts'
import { headersLength, readHeaders, writeHeaders } from './headers-codec.ts'
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
      const written = newValue === null ? null : inner.serialize(topic, newValue)
      const old = oldValue === null ? null : inner.serialize(topic, oldValue)
      const prior = priorValue === null ? null : priorValue === oldValue ? old : inner.serialize(topic, priorValue)
      const length = 16 + sizedLength(written) + sizedLength(old) + sizedLength(prior) + headersLength(headers)
      const writer = new ByteWriter(length).int64(bufferTime).int64(timestamp).sized(written).sized(old).sized(prior)
      return writeHeaders(writer, headers).bytes
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
        bufferTime: readLong(bytes, 0),
        timestamp: readLong(bytes, 8),
        newValue,
        oldValue,
        priorValue,
        headers: readHeaders(bytes, at)[0],
      }
    },
  }
}
