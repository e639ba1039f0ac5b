import type { TopicPartition } from '../../runtime/ports/log.ts'
import { ByteReader } from './byte-reader.ts'
import { byTopic } from './offset-topics.ts'

/*
 * The two structures Kafka's own consumers put into group metadata (ConsumerProtocolSubscription and -Assignment, version
 * 0): with them kafka-consumer-groups shows who has which partitions. What is ours travels in `userData`.
 */

const VERSION = 0

export function encodeSubscription(topics: readonly string[], userData: Buffer): Buffer {
  return Buffer.concat([int16(VERSION), int32(topics.length), ...topics.map(string), bytes(userData)])
}

export function encodeAssignment(partitions: readonly TopicPartition[], userData: Buffer): Buffer {
  const topics = byTopic(partitions, ({ partition }) => partition)
  const encoded = topics.map(({ name, partitions: indexes }) =>
    Buffer.concat([string(name), int32(indexes.length), ...indexes.map(int32)]),
  )
  return Buffer.concat([int16(VERSION), int32(topics.length), ...encoded, bytes(userData)])
}

/** The user data of a subscription; null when there is none. */
export function subscriptionUserData(encoded: Buffer): Buffer | null {
  const reader = new ByteReader(encoded)
  reader.int16() // version: later ones only append fields
  for (let topics = reader.int32(); topics > 0; topics--) reader.string()
  return reader.byteString()
}

/** The user data of an assignment; null for an empty one (a member that the leader did not know). */
export function assignmentUserData(encoded: Buffer): Buffer | null {
  if (encoded.length === 0) return null
  const reader = new ByteReader(encoded)
  reader.int16()
  for (let topics = reader.int32(); topics > 0; topics--) {
    reader.string()
    reader.skip(reader.int32() * 4)
  }
  return reader.byteString()
}

function int16(value: number): Buffer {
  const buffer = Buffer.allocUnsafe(2)
  buffer.writeInt16BE(value)
  return buffer
}

function int32(value: number): Buffer {
  const buffer = Buffer.allocUnsafe(4)
  buffer.writeInt32BE(value)
  return buffer
}

function string(value: string): Buffer {
  const utf8 = Buffer.from(value)
  return Buffer.concat([int16(utf8.length), utf8])
}

function bytes(value: Buffer): Buffer {
  return Buffer.concat([int32(value.length), value])
}
