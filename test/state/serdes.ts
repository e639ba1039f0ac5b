import type { Serde } from '../../state/ports/serde.ts'

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
