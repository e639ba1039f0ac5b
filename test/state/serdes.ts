import type { Serde } from '../../state/ports/serde.ts'
import { packParts, partsOf } from '../../state/ports/value-parts.ts'

/** Answers strings, as the fast path of the engine does. */
export const textSerde: Serde<unknown> = {
  serialize: (_topic, value) => value as string,
  deserialize: (_topic, bytes) => bytes.toString('utf8'),
}

/** Answers buffers. */
export const jsonSerde: Serde<unknown> = {
  serialize: (_topic, value) => Buffer.from(JSON.stringify(value)),
  deserialize: (_topic, bytes) => JSON.parse(bytes.toString('utf8')) as unknown,
}

/** A part for each two bytes of JSON; the first has no name. */
export const partsSerde: Serde<unknown> = {
  serialize: (topic, value) => {
    const bytes = jsonSerde.serialize(topic, value) as Buffer
    const count = Math.ceil(bytes.length / 2)
    return packParts(
      Array.from({ length: count }, (_, i) => ({
        name: i === 0 ? '' : String.fromCharCode(0x40 + i),
        value: bytes.subarray(2 * i, 2 * i + 2),
      })),
    )
  },
  deserialize: (topic, bytes) => jsonSerde.deserialize(topic, Buffer.concat(partsOf(bytes).map(({ value }) => value))),
}
