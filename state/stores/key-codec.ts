import { fromBinary, toBinary } from '../keys/binary-key.ts'
import { messageOf, SerdeError } from '../ports/errors.ts'
import { checkedSerialized, type Serde, serdeName } from '../ports/serde.ts'

/** Typed key to storage key and back. Remembers the last string key: get and put of one key come in pairs. */
export class KeyCodec<K> {
  readonly #serde: Serde<K>
  readonly #store: string
  readonly #topic: string
  #lastKey: unknown = undefined
  #lastBinary = ''

  constructor(serde: Serde<K>, { store, topic }: { readonly store: string; readonly topic: string }) {
    this.#serde = serde
    this.#store = store
    this.#topic = topic
  }

  encode(key: K): string {
    if (key === this.#lastKey) return this.#lastBinary
    const binary = this.#binaryOf(key)
    // Only strings are remembered: an object may be changed by its owner.
    if (typeof key === 'string') {
      this.#lastKey = key
      this.#lastBinary = binary
    }
    return binary
  }

  #binaryOf(key: K): string {
    try {
      return toBinary(checkedSerialized(this.#serde.serialize(this.#topic, key)))
    } catch (cause) {
      const what = `store ${this.#store}: ${serdeName(this.#serde)} cannot serialise a key for ${this.#topic}`
      throw new SerdeError(`${what}: ${messageOf(cause)}`, { cause })
    }
  }

  decode(binary: string): K {
    try {
      return this.#serde.deserialize(this.#topic, fromBinary(binary))
    } catch (cause) {
      const what = `store ${this.#store}: ${serdeName(this.#serde)} cannot read a key of ${this.#topic}`
      throw new SerdeError(`${what}: ${messageOf(cause)}`, { cause })
    }
  }
}
