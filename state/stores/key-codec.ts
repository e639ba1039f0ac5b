import { fromBinary, toBinary } from '../keys/binary-key.ts'
import type { Serde } from '../ports/serde.ts'

/** Typed key to storage key and back. Remembers the last string key: get and put of one key come in pairs. */
export class KeyCodec<K> {
  readonly #serde: Serde<K>
  readonly #topic: string
  #lastKey: unknown = undefined
  #lastBinary = ''

  constructor(serde: Serde<K>, topic: string) {
    this.#serde = serde
    this.#topic = topic
  }

  encode(key: K): string {
    if (key === this.#lastKey) return this.#lastBinary
    const binary = toBinary(this.#serde.serialize(this.#topic, key))
    // Only strings are remembered: an object may be changed behind our back.
    if (typeof key === 'string') {
      this.#lastKey = key
      this.#lastBinary = binary
    }
    return binary
  }

  decode(binary: string): K {
    return this.#serde.deserialize(this.#topic, fromBinary(binary))
  }
}
