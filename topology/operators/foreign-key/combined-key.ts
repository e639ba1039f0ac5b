import { bufferOf, type Serde } from '../../../state/ports/serde.ts'
import { ByteWriter, lengthOf, sizedLength } from '../../byte-writer.ts'

/** Key of a subscription in the store: 4 bytes of length, foreign key, primary key; so those of a foreign key are together. */
export class CombinedKey<K, KO> {
  readonly #primaryTopic: string
  readonly #foreignTopic: string
  readonly #keySerde: Serde<K>
  readonly #foreignKeySerde: Serde<KO>

  constructor(topic: string, keySerde: Serde<K>, foreignKeySerde: Serde<KO>) {
    this.#primaryTopic = `${topic}-pk`
    this.#foreignTopic = `${topic}-fk`
    this.#keySerde = keySerde
    this.#foreignKeySerde = foreignKeySerde
  }

  of(foreignKey: KO, primaryKey: K): Buffer {
    const foreign = this.#foreignKeySerde.serialize(this.#foreignTopic, foreignKey)
    const primary = this.#keySerde.serialize(this.#primaryTopic, primaryKey)
    return new ByteWriter(sizedLength(foreign) + lengthOf(primary)).sized(foreign).put(primary).bytes
  }

  prefix(foreignKey: KO): Buffer {
    const foreign = this.#foreignKeySerde.serialize(this.#foreignTopic, foreignKey)
    return new ByteWriter(sizedLength(foreign)).sized(foreign).bytes
  }

  foreignKey(foreignKey: KO): Buffer {
    return bufferOf(this.#foreignKeySerde.serialize(this.#foreignTopic, foreignKey))
  }

  primaryKeyOf(bytes: Buffer): K {
    return this.#keySerde.deserialize(this.#primaryTopic, bytes.subarray(4 + bytes.readInt32BE(0)))
  }
}
