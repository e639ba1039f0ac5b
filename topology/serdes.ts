import { type Serde, shownKind } from '../state/ports/serde.ts'
import { ByteWriter, readLong } from './byte-writer.ts'

/*
 * Kafka's own formats (big-endian numbers, UTF-8 strings), so that programs in any language read them. All throw
 * RangeError for bytes of the wrong length, and TypeError for values of another type.
 */

/** UTF-8 text. */
export const stringSerde: Serde<string> = {
  name: 'string',
  serialize: (_topic, value) => (typeof value === 'string' ? value : refuse('a string', value)),
  deserialize: (_topic, bytes) => bytes.toString('utf8'),
  deserializeText: (_topic, text) => text,
}

/** Bytes as they are. Deserialised buffers are copies, so they may be stored. */
export const bytesSerde: Serde<Buffer> = {
  name: 'bytes',
  serialize: (_topic, value) => (value instanceof Buffer ? value : refuse('a Buffer', value)),
  deserialize: (_topic, bytes) => Buffer.from(bytes),
}

/** 8 bytes. A JS number, so exact within +-2^53; throws RangeError outside. */
export const int64Serde: Serde<number> = {
  name: 'int64',
  serialize(_topic, value) {
    if (typeof value !== 'number') refuse('a number', value)
    return new ByteWriter(8).int64(value).bytes
  },
  deserialize(_topic, bytes) {
    expectLength(bytes, 8)
    const value = readLong(bytes, 0)
    if (!Number.isSafeInteger(value)) throw new RangeError('the 64-bit integer is outside +-2^53')
    return value
  },
}

/** 8 bytes, IEEE 754. */
export const float64Serde: Serde<number> = {
  name: 'float64',
  serialize(_topic, value) {
    if (typeof value !== 'number') refuse('a number', value)
    const bytes = Buffer.allocUnsafe(8)
    bytes.writeDoubleBE(value, 0)
    return bytes
  },
  deserialize(_topic, bytes) {
    expectLength(bytes, 8)
    return bytes.readDoubleBE(0)
  },
}

/** 4 bytes, signed. */
export const int32Serde: Serde<number> = {
  name: 'int32',
  serialize(_topic, value) {
    if (typeof value !== 'number') refuse('a number', value)
    if ((value | 0) !== value) throw new RangeError(`${value} is not a 32-bit integer`)
    const bytes = Buffer.allocUnsafe(4)
    bytes.writeInt32BE(value, 0)
    return bytes
  },
  deserialize(_topic, bytes) {
    expectLength(bytes, 4)
    return bytes.readInt32BE(0)
  },
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** A UUID as its text in UTF-8, as Kafka's UUIDSerializer writes it. */
export const uuidSerde: Serde<string> = {
  name: 'uuid',
  serialize: (_topic, value) => expectUuid(typeof value === 'string' ? value : refuse('a UUID', value)),
  deserialize: (_topic, bytes) => expectUuid(bytes.toString('utf8')),
}

/** JSON in UTF-8. The bytes are trusted to be a T: validate with `Consumed.check` where they come from outside. */
export function jsonSerde<T>(): Serde<T> {
  return {
    name: 'json',
    serialize: (_topic, value) => JSON.stringify(value) ?? refuse('a value that JSON has a text for', value),
    deserialize: (_topic, bytes) => JSON.parse(bytes.toString('utf8')) as T,
    deserializeText: (_topic, text) => JSON.parse(text) as T,
  }
}

function refuse(wanted: string, value: unknown): never {
  throw new TypeError(`it writes ${wanted}, not ${shownKind(value)}`)
}

function expectLength(bytes: Buffer, length: number): void {
  if (bytes.length !== length) throw new RangeError(`expected ${length} bytes, got ${bytes.length}`)
}

function expectUuid(text: string): string {
  if (!UUID.test(text)) throw new RangeError(`"${text}" is not a UUID`)
  return text
}

/** All serdes by the name of their type. */
export const serdes = {
  string: stringSerde,
  bytes: bytesSerde,
  int64: int64Serde,
  float64: float64Serde,
  int32: int32Serde,
  uuid: uuidSerde,
  json: jsonSerde,
}
