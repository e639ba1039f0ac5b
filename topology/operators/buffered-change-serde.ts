import type { Header, Headers } from '../../state/ports/headers.ts'
import type { Serde } from '../../state/ports/serde.ts'
import type { BufferedChange } from './suppress-buffer.ts'

const ABSENT = -1

/**
 * Row of a suppress buffer: buffer time and timestamp (8 bytes each), then new, old and prior value, then the number of headers
 * (4 bytes) with name and value of each. Values and names have 4 bytes of length before them, -1 for null.
 */
export function bufferedChangeSerde<V>(inner: Serde<V>): Serde<BufferedChange<V>> {
  return {
    serialize(topic, { bufferTime, timestamp, newValue, oldValue, priorValue, headers }) {
      const head = Buffer.allocUnsafe(16)
      head.writeBigInt64BE(BigInt(bufferTime), 0)
      head.writeBigInt64BE(BigInt(timestamp), 8)
      const parts = [head]
      for (const value of [newValue, oldValue, priorValue])
        pushSized(parts, value === null ? null : Buffer.from(inner.serialize(topic, value)))
      pushInt(parts, headers.length)
      for (const { key, value } of headers) {
        pushSized(parts, Buffer.from(key))
        pushSized(parts, value)
      }
      return Buffer.concat(parts)
    },
    deserialize(topic, bytes) {
      let at = 16
      const sized = (): Buffer | null => {
        const length = bytes.readInt32BE(at)
        at += 4
        if (length === ABSENT) return null
        at += length
        return bytes.subarray(at - length, at)
      }
      const value = (): V | null => {
        const part = sized()
        return part === null ? null : inner.deserialize(topic, part)
      }
      const newValue = value()
      const oldValue = value()
      const priorValue = value()
      const headers: Header[] = []
      const count = bytes.readInt32BE(at)
      at += 4
      for (let i = 0; i < count; i += 1) {
        const key = sized()?.toString() ?? ''
        const part = sized()
        headers.push({ key, value: part === null ? null : Buffer.from(part) })
      }
      const bufferTime = Number(bytes.readBigInt64BE(0))
      const timestamp = Number(bytes.readBigInt64BE(8))
      return { bufferTime, timestamp, newValue, oldValue, priorValue, headers: headers as Headers & Header[] }
    },
  }
}

function pushInt(parts: Buffer[], value: number): void {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeInt32BE(value, 0)
  parts.push(bytes)
}

function pushSized(parts: Buffer[], value: Buffer | null): void {
  pushInt(parts, value === null ? ABSENT : value.length)
  if (value !== null) parts.push(value)
}
