import type { Serde } from '../state/ports/serde.ts'

/** JSON of plain data: output topics. Amounts beyond double precision are written exactly (JsonMoney). */
export function jsonSerde<T>(): Serde<T> {
  return {
    serialize: (_topic, value) => JSON.stringify(value),
    deserialize: (_topic, bytes) => JSON.parse(bytes.toString('utf8')) as T,
  }
}
