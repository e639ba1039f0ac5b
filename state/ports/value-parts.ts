import { fromBinary, toBinary } from '../keys/binary-key.ts'
import { isAscii } from './serde.ts'

/*
 * Bytes of a value that consists of named parts, each with bytes of its own:
 *   1 | for each part, in the order of the names' bytes: name length u32, name, value length u32, value
 * One form per set of parts, so bytes compare. A value whose only part has the empty name is that part alone, without the frame: the form
 * that values had before their store kept them in parts.
 */
const FRAME = 0x01
/** Bytes of a length. */
export const LENGTH_BYTES = 4

/** A part as the bytes have it. The name is a binary string (binary-key.ts) without a byte FF; the value is a view. */
export interface ValuePart {
  readonly name: string
  readonly value: Buffer
}

/** Bytes without any part: where a value begins that only has parts with names. */
export const NO_PARTS: Buffer = Buffer.of(FRAME)

/** The parts in the order of their names' bytes. @throws RangeError when the bytes end too early */
export function partsOf(bytes: Buffer): readonly ValuePart[] {
  if (!isFramed(bytes)) return [{ name: '', value: bytes }]
  return partsFrom(bytes, NO_PARTS.length)
}

/** @param parts each name once, in any order. @throws RangeError for a name that partName() cannot have made */
export function packParts(parts: readonly ValuePart[]): Buffer {
  const [only] = parts
  if (only === undefined) return NO_PARTS
  if (parts.length === 1 && only.name === '' && !isFramed(only.value)) return only.value
  return withPartsBehind(
    NO_PARTS,
    parts.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  )
}

/**
 * Adds parts behind the others.
 * @param former bytes with a frame
 * @param parts in order; their names are behind all names of `former`
 * @throws RangeError as packParts() does
 */
export function withPartsBehind(former: Buffer, parts: readonly ValuePart[]): Buffer {
  let { length } = former
  for (const { name, value } of parts) length += 2 * LENGTH_BYTES + checkedName(name).length + value.length
  const bytes = Buffer.allocUnsafe(length)
  let at = former.copy(bytes)
  for (const { name, value } of parts) {
    at = bytes.writeUInt32BE(name.length, at)
    at += bytes.write(name, at, 'latin1')
    at = bytes.writeUInt32BE(value.length, at)
    at += value.copy(bytes, at)
  }
  return bytes
}

/**
 * Returns the name of the last part; empty when there is none.
 * @param bytes with a frame
 * @throws RangeError when they end too early
 */
export function lastNameOf(bytes: Buffer): string {
  let last = 0
  for (let at = NO_PARTS.length; at < bytes.length; ) {
    last = at
    at = partEnd(bytes, at)
  }
  return last === 0 ? '' : nameAt(bytes, last)
}

/** The binary name of a part that a text names. */
export function partName(text: string): string {
  return toBinary(text)
}

/** The text of a part's name. */
export function partNameText(name: string): string {
  return isAscii(name) ? name : fromBinary(name).toString('utf8')
}

/** With that part replaced; null removes it. Null: no part is left. */
export function withPart(bytes: Buffer | null, name: string, value: Buffer | null): Buffer | null {
  const others = bytes === null ? [] : partsOf(bytes).filter((part) => part.name !== name)
  const parts = value === null ? others : [...others, { name, value }]
  return parts.length === 0 ? null : packParts(parts)
}

/**
 * Calls `each` with what turns one value into the other: removed parts (null) first, then added and changed ones. An unchanged value has
 * no changes.
 */
export function changedParts(
  before: Buffer | null,
  after: Buffer | null,
  each: (name: string, value: Buffer | null) => void,
): void {
  if (after !== null && isFramed(after) && isBeginning(before, after)) {
    eachFrom(after, before === null ? NO_PARTS.length : before.length, each)
    return
  }
  const now = after === null ? [] : partsOf(after)
  const names = new Set(now.map(({ name }) => name))
  const was = new Map<string, Buffer>()
  for (const { name, value } of before === null ? [] : partsOf(before)) {
    was.set(name, value)
    if (!names.has(name)) each(name, null)
  }
  for (const { name, value } of now) if (was.get(name)?.equals(value) !== true) each(name, value)
}

/** In a changelog's key, FF ends the row's key (changelog-parts.ts), and a character above it would become another one. @throws RangeError */
export function checkedName(name: string): string {
  if (isAscii(name)) return name
  for (let i = 0; i < name.length; i++)
    if (name.charCodeAt(i) >= 0xff)
      throw new RangeError(`${JSON.stringify(name)} is no name of a part: partName() makes one of any text`)
  return name
}

/** False: the bytes are the part without a name, alone. */
export function isFramed(bytes: Buffer): boolean {
  return bytes[0] === FRAME
}

/** Parts were only added behind the others: the usual change. */
function isBeginning(before: Buffer | null, after: Buffer): boolean {
  if (before === null) return true
  if (!isFramed(before) || before.length > after.length) return false
  return after.compare(before, 0, before.length, 0, before.length) === 0
}

function partsFrom(bytes: Buffer, from: number): readonly ValuePart[] {
  const parts: ValuePart[] = []
  eachFrom(bytes, from, (name, value) => parts.push({ name, value }))
  return parts
}

function eachFrom(bytes: Buffer, from: number, each: (name: string, value: Buffer) => void): void {
  for (let at = from; at < bytes.length; ) {
    const end = partEnd(bytes, at)
    each(nameAt(bytes, at), bytes.subarray(nameEnd(bytes, at) + LENGTH_BYTES, end))
    at = end
  }
}

function nameEnd(bytes: Buffer, at: number): number {
  return at + LENGTH_BYTES + bytes.readUInt32BE(at)
}

function nameAt(bytes: Buffer, at: number): string {
  return bytes.toString('latin1', at + LENGTH_BYTES, nameEnd(bytes, at))
}

function partEnd(bytes: Buffer, at: number): number {
  const valueAt = nameEnd(bytes, at)
  const end = valueAt + LENGTH_BYTES + bytes.readUInt32BE(valueAt)
  if (end > bytes.length) throw new RangeError('the bytes end within a part')
  return end
}
