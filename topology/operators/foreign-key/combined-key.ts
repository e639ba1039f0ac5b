import type { Serde } from '../../../state/ports/serde.ts'

/** Key of a subscription in the store: 4 bytes of length, foreign key, primary key; so those of a foreign key are together. */
export class CombinedKey<K, KO> {
  readonly #topic: string
  readonly #keySerde: Serde<K>
  readonly #foreignKeySerde: Serde<KO>

  constructor(topic: string, keySerde: Serde<K>, foreignKeySerde: Serde<KO>) {
    this.#topic = topic
    this.#keySerde = keySerde
    this.#foreignKeySerde = foreignKeySerde
  }

  of(foreignKey: KO, primaryKey: K): Buffer {
    return Buffer.concat([
      this.prefix(foreignKey),
      Buffer.from(this.#keySerde.serialize(`${this.#topic}-pk`, primaryKey)),
    ])
  }

  prefix(foreignKey: KO): Buffer {
    const bytes = this.foreignKey(foreignKey)
    const length = Buffer.allocUnsafe(4)
    length.writeInt32BE(bytes.length, 0)
    return Buffer.concat([length, bytes])
  }

  foreignKey(foreignKey: KO): Buffer {
    return Buffer.from(this.#foreignKeySerde.serialize(`${this.#topic}-fk`, foreignKey))
  }

  primaryKeyOf(bytes: Buffer): K {
    return this.#keySerde.deserialize(`${this.#topic}-pk`, bytes.subarray(4 + bytes.readInt32BE(0)))
  }
}
