import { messageOf, SerdeError } from '../ports/errors.ts'
import { checkedParts, type PartsSerde } from '../ports/grown-parts.ts'
import { checkedSerialized, type Serde, type Serialized, serdeName } from '../ports/serde.ts'
import { answerOf } from '../ports/thenable.ts'

/** Between values as their owners have them, and what the layers of a store keep of them. Null stays null. */
export interface ValueCodec {
  /** False: what is kept is the value itself. */
  readonly copies: boolean
  /** Returns what the store keeps. Changing the value afterwards does not reach it. */
  write(value: unknown): unknown
  /** A value for its caller to do with as it likes. */
  read(kept: unknown): unknown
}

export interface ValueCodecOptions {
  readonly store: string
  readonly topic: string
  readonly serde: Serde<unknown>
  /** The changelog has a record for each part. */
  readonly isInParts?: boolean
}

/** For the layers: rows hold what the serde wrote, and nothing more is to be done. */
export const SERIALIZED: Serde<unknown> = {
  serialize: (_topic, kept) => kept as Serialized,
  deserialize: (_topic, bytes) => bytes,
}

function unwritable({ store, serde, topic }: ValueCodecOptions, cause: unknown): SerdeError {
  const what = `store ${store}: ${serdeName(serde)} cannot serialise a value for ${topic}`
  return new SerdeError(`${what}: ${messageOf(cause)}`, { cause })
}

function unreadable({ store, serde, topic }: ValueCodecOptions, cause: unknown): SerdeError {
  const what = `store ${store}: ${serdeName(serde)} cannot read a value of ${topic}`
  return new SerdeError(`${what}: ${messageOf(cause)}`, { cause })
}

/** For the layers of a store that keeps the values themselves: its errors name store, serde and topic. */
export function namedSerde(options: ValueCodecOptions): Serde<unknown> & Partial<PartsSerde<unknown>> {
  const { serde } = options
  return {
    ...(options.isInParts === true && 'serializeParts' in serde
      ? namedParts(options, serde as PartsSerde<unknown>)
      : {}),
    serialize: (topic, value) => {
      try {
        return checkedSerialized(serde.serialize(topic, value))
      } catch (cause) {
        throw unwritable(options, cause)
      }
    },
    deserialize: (topic, bytes) => {
      try {
        return serde.deserialize(topic, bytes)
      } catch (cause) {
        throw unreadable(options, cause)
      }
    },
  }
}

function namedParts(
  options: ValueCodecOptions,
  serde: PartsSerde<unknown>,
): Pick<PartsSerde<unknown>, 'serializeParts'> {
  return {
    serializeParts: (topic, value) => {
      try {
        return checkedParts(serde.serializeParts(topic, value))
      } catch (cause) {
        throw unwritable(options, cause)
      }
    },
  }
}

/**
 * Keeps the serialised bytes and deserialises them for each read, as Kafka Streams does: the owner of a value may change it in
 * place, before and after, without an effect on the store. A serde that throws fails the current record.
 */
export class CopiedValues implements ValueCodec {
  readonly copies = true
  readonly #options: ValueCodecOptions

  constructor(options: ValueCodecOptions) {
    this.#options = options
  }

  write(value: unknown): unknown {
    if (value === null) return null
    const { store, serde, topic } = this.#options
    answerOf('the function that makes the values of store', value, store)
    try {
      const bytes = checkedSerialized(serde.serialize(topic, value))
      // The bytes may be the value itself, or a view of it.
      return typeof bytes === 'string' || typeof value !== 'object' ? bytes : Buffer.from(bytes)
    } catch (cause) {
      throw unwritable(this.#options, cause)
    }
  }

  read(kept: unknown): unknown {
    if (kept === null) return null
    const { serde, topic } = this.#options
    try {
      if (typeof kept !== 'string') return serde.deserialize(topic, Buffer.from(kept as Buffer))
      return serde.deserializeText === undefined
        ? serde.deserialize(topic, Buffer.from(kept))
        : serde.deserializeText(topic, kept)
    } catch (cause) {
      throw unreadable(this.#options, cause)
    }
  }
}

/** Keeps and hands out the values themselves: their users have promised never to change one (StoreSpec.immutableValues). */
export class SharedValues implements ValueCodec {
  readonly copies = false
  readonly #store: string

  constructor(store: string) {
    this.#store = store
  }

  write(value: unknown): unknown {
    return answerOf('the function that makes the values of store', value, this.#store)
  }

  read(kept: unknown): unknown {
    return kept
  }
}

/** For tests of values declared immutable: copies them, and a change in place throws a TypeError. */
export class FrozenValues extends CopiedValues {
  override write(value: unknown): unknown {
    freeze(value)
    return super.write(value)
  }

  override read(kept: unknown): unknown {
    const value = super.read(kept)
    freeze(value)
    return value
  }
}

/** With everything in it, as far as it can be frozen: bytes cannot. */
function freeze(value: unknown): void {
  const open = [value]
  while (open.length > 0) {
    const one = open.pop()
    if (typeof one !== 'object' || one === null || ArrayBuffer.isView(one) || Object.isFrozen(one)) continue
    Object.freeze(one)
    open.push(...Object.values(one))
  }
}
