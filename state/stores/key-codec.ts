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
    const binary = this.#binaryOf(key, this.#serde)
    // Only strings are remembered: an object may be changed by its owner.
    if (typeof key === 'string') {
      this.#lastKey = key
      this.#lastBinary = binary
    }
    return binary
  }

  /** The beginning of the storage keys with that prefix. */
  encodePrefix<P>(prefix: P, serde: Pick<Serde<P>, 'serialize' | 'name'>): string {
    return this.#binaryOf(prefix, serde)
  }

  #binaryOf<T>(key: T, serde: Pick<Serde<T>, 'serialize' | 'name'>): string {
    try {
      return toBinary(checkedSerialized(serde.serialize(this.#topic, key)))
    } catch (cause) {
      const what = `store ${this.#store}: ${serdeName(serde)} cannot serialise a key for ${this.#topic}`
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
