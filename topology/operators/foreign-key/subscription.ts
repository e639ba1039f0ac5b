import type { Serde } from '../../../state/ports/serde.ts'
import { ByteWriter, lengthOf } from '../../byte-writer.ts'
import { serdeAround, withoutHeaders } from '../../serde-around.ts'

/** The order to the receiver of a subscription. The numbers are on the wire. */
export const Instruction = {
  /** Forget the subscription, send nothing. */
  deleteSilently: 0,
  /** Forget the subscription, send null. */
  deleteAndPropagate: 1,
  /** The foreign key changed: send its row, or null when there is none. */
  propagate: 2,
  /** The first subscription: send the foreign row if there is one. */
  propagateIfPresent: 3,
} as const

export type Instruction = (typeof Instruction)[keyof typeof Instruction]

/** A row of the left table subscribes to its foreign key. */
export interface Subscription<K> {
  /** Hash of the row's value; null when the row was deleted. */
  readonly hash: Buffer | null
  readonly instruction: Instruction
  readonly primaryKey: K
  /** Partition of the row, to which the response must go. */
  readonly primaryPartition: number
}

/** The answer with the foreign row, for the row that had that hash. */
export interface SubscriptionResponse<VO> {
  readonly hash: Buffer | null
  readonly foreignValue: VO | null
  /** Not on the wire; null after deserialisation. */
  readonly primaryPartition: number | null
}

const HASH_BYTES = 16
const NO_HASH = 0x80

/**
 * Kafka Streams' format, version 1: version (highest bit: no hash), instruction, 16 bytes of hash, primary key, 4 bytes of
 * partition. What the headers say of a key belongs to the key of the record, which is the foreign key.
 */
export function subscriptionSerde<K>(keySerde: Serde<K>): Serde<Subscription<K>> {
  return serdeAround(withoutHeaders(keySerde), plainSubscriptionSerde)
}

function plainSubscriptionSerde<K>(keySerde: Serde<K>): Serde<Subscription<K>> {
  return {
    serialize(topic, { hash, instruction, primaryKey, primaryPartition }, headers) {
      const key = keySerde.serialize(topic, primaryKey, headers)
      const writer = new ByteWriter(2 + (hash?.length ?? 0) + lengthOf(key) + 4)
      writer.int8(hash === null ? 1 | NO_HASH : 1).int8(instruction)
      if (hash !== null) writer.put(hash)
      return writer.put(key).int32(primaryPartition).bytes
    },
    deserialize(topic, bytes, headers) {
      const version = bytes.readUInt8(0)
      if ((version & ~NO_HASH) !== 1)
        throw new RangeError(`version ${version & ~NO_HASH} of a subscription is not known`)
      const start = (version & NO_HASH) === 0 ? 2 + HASH_BYTES : 2
      const end = bytes.length - 4
      return {
        hash: start === 2 ? null : Buffer.from(bytes.subarray(2, start)),
        instruction: expectInstruction(bytes.readUInt8(1)),
        primaryKey: keySerde.deserialize(topic, bytes.subarray(start, end), headers),
        primaryPartition: bytes.readInt32BE(end),
      }
    },
  }
}

/** Kafka Streams' format, version 0: version (highest bit: no hash), 16 bytes of hash, foreign value. */
export function responseSerde<VO>(valueSerde: Serde<VO>): Serde<SubscriptionResponse<VO>> {
  return serdeAround(valueSerde, plainResponseSerde)
}

function plainResponseSerde<VO>(valueSerde: Serde<VO>): Serde<SubscriptionResponse<VO>> {
  return {
    serialize(topic, { hash, foreignValue }, headers) {
      const value = foreignValue === null ? '' : valueSerde.serialize(topic, foreignValue, headers)
      const writer = new ByteWriter(1 + (hash?.length ?? 0) + lengthOf(value)).int8(hash === null ? NO_HASH : 0)
      if (hash !== null) writer.put(hash)
      return writer.put(value).bytes
    },
    deserialize(topic, bytes, headers) {
      const version = bytes.readUInt8(0)
      if ((version & ~NO_HASH) !== 0) throw new RangeError(`version ${version & ~NO_HASH} of a response is not known`)
      const start = (version & NO_HASH) === 0 ? 1 + HASH_BYTES : 1
      return {
        hash: start === 1 ? null : Buffer.from(bytes.subarray(1, start)),
        foreignValue: bytes.length === start ? null : valueSerde.deserialize(topic, bytes.subarray(start), headers),
        primaryPartition: null,
      }
    },
  }
}

const INSTRUCTIONS: readonly (Instruction | undefined)[] = Object.values(Instruction)

function expectInstruction(byte: number): Instruction {
  const instruction = INSTRUCTIONS[byte]
  if (instruction === undefined) throw new RangeError(`instruction ${byte} of a subscription is not known`)
  return instruction
}
