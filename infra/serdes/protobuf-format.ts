import type { IConversionOptions, Namespace, ReflectionObject, Root, Type } from 'protobufjs'
import { optionalPackage } from '../../state/optional-package.ts'
import { InvalidRecordError } from '../../state/ports/errors.ts'
import type { Format, Read, WholeSchema, Writer } from './format.ts'

/** Values look as in proto3's JSON: 64-bit numbers and enums are strings, absent fields have their defaults. Bytes are Buffers. */
const CONVERSION: IConversionOptions = { longs: String, enums: String, bytes: Buffer, defaults: true, oneofs: false }

/** Protocol buffers by protobufjs, from the text of .proto files. */
export class ProtobufFormat<T> implements Format<T> {
  readonly #protobuf: typeof import('protobufjs')
  readonly #messageName: string | null

  /** @param messageName full name of the message that the serde writes; default: the first of the file */
  constructor(messageName: string | null = null) {
    this.#protobuf = optionalPackage('Protobuf serdes', 'protobufjs')
    this.#messageName = messageName
  }

  /** Fields are known by their numbers, so a wanted schema reads what another one has written. */
  reader(written: WholeSchema, wanted: WholeSchema | null): Read<T> {
    const own = wanted === null ? null : this.#message(this.#parse(wanted).root)
    const file = own === null ? this.#parse(written) : null
    return (bytes) => {
      const [indexes, at] = readIndexes(bytes)
      const type = own ?? messageAt(file as ParsedFile, indexes)
      return type.toObject(type.decode(bytes.subarray(at)), CONVERSION) as T
    }
  }

  writer(schema: WholeSchema): Writer<T> {
    const file = this.#parse(schema)
    const type = this.#messageName === null ? messageAt(file, [0]) : this.#message(file.root)
    const prefix = writeIndexes(indexesOf(file, type))
    return {
      prefix,
      write(value) {
        const fault = type.verify(type.fromObject(value as Record<string, unknown>))
        if (fault !== null) throw new TypeError(fault)
        return Buffer.from(type.encode(type.fromObject(value as Record<string, unknown>)).finish())
      },
    }
  }

  #message(root: Root): Type {
    if (this.#messageName !== null) return root.lookupType(this.#messageName)
    const [first] = messagesOf(root)
    if (first === undefined) throw new TypeError('the schema has no message')
    return first
  }

  #parse({ schema, imports }: WholeSchema): ParsedFile {
    const { Root, parse } = this.#protobuf
    const root = new Root()
    for (const { text } of imports.values()) parse(text, root, { keepCase: true })
    const before = new Set(messagesOf(root))
    parse(schema.text, root, { keepCase: true })
    root.resolveAll()
    return { root, messages: messagesOf(root).filter((message) => !before.has(message)) }
  }
}

interface ParsedFile {
  readonly root: Root
  /** The messages of the file itself that stand in no other, in order. */
  readonly messages: readonly Type[]
}

function isType(object: ReflectionObject): object is Type {
  return 'fieldsById' in object
}

/** Messages that stand in no other message, in the order of the file. */
function messagesOf(space: Namespace): readonly Type[] {
  return space.nestedArray.flatMap((object) => {
    if (isType(object)) return [object]
    return 'nestedArray' in object ? messagesOf(object as Namespace) : []
  })
}

function messageAt({ messages }: ParsedFile, indexes: readonly number[]): Type {
  let among = messages
  let found: Type | undefined
  for (const index of indexes) {
    found = among[index]
    if (found === undefined) throw new InvalidRecordError('schema', `the schema has no message at ${indexes.join('.')}`)
    among = found.nestedArray.filter(isType)
  }
  return found as Type
}

function indexesOf({ messages }: ParsedFile, type: Type): readonly number[] {
  if (type.parent !== null && isType(type.parent)) {
    const index = type.parent.nestedArray.filter(isType).indexOf(type)
    return [...indexesOf({ messages } as ParsedFile, type.parent), index]
  }
  return [messages.indexOf(type)]
}

/** Confluent's format: zigzag varints, first their number; a single 0 stands for the first message. */
function writeIndexes(indexes: readonly number[]): Buffer {
  if (indexes.length === 1 && indexes[0] === 0) return Buffer.of(0)
  return Buffer.concat([indexes.length, ...indexes].map(zigzag))
}

function readIndexes(bytes: Buffer): readonly [readonly number[], number] {
  let at = 0
  const next = (): number => {
    let value = 0
    for (let shift = 0; shift < 32; shift += 7) {
      const byte = bytes[at++]
      if (byte === undefined) throw new InvalidRecordError('schema', 'the bytes end inside the place of the message')
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1)
    }
    throw new InvalidRecordError('schema', 'the place of the message is no number')
  }
  const count = next()
  if (count === 0) return [[0], at]
  if (count < 0 || count > bytes.length) throw new InvalidRecordError('schema', `${count} is no depth of a message`)
  return [Array.from({ length: count }, next), at]
}

function zigzag(value: number): Buffer {
  const bytes: number[] = []
  let rest = value * 2
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  return Buffer.from([...bytes, rest])
}
