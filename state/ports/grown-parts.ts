import type { RowBytes } from './backend.ts'
import { type Serde, type Serialized, shownKind } from './serde.ts'
import { checkedName, isFramed, LENGTH_BYTES, NO_PARTS, packParts, partsOf } from './value-parts.ts'

/** Bytes in parts (value-parts.ts), or what will be put together to such bytes. */
export type PartsBytes = Buffer | GrownParts

/** For values in parts that grow, in a store with changelogParts and immutableValues. */
export interface PartsSerde<T> extends Serde<T> {
  /** The bytes of serialize(), which need not be put together yet. */
  serializeParts(topic: string, value: T): PartsBytes
}

/** Bytes of a row's value, which may not have been put together yet. */
export type RowValue = Serialized | GrownParts

/*
 * Bytes in parts with one more part at their end. Immutable. They are put together only where somebody needs them: nobody does when the
 * row changes again before it goes to disk, and a changelog only gets the new parts.
 */
export class GrownParts implements RowBytes {
  /** Bytes of all parts, with their frame. */
  readonly length: number
  readonly #former: PartsBytes
  readonly #name: string
  readonly #text: string

  /** @param former with a frame: not a part without a name alone */
  constructor(former: PartsBytes, name: string, text: string) {
    this.#former = former
    this.#name = checkedName(name)
    this.#text = text
    this.length = former.length + 2 * LENGTH_BYTES + name.length + Buffer.byteLength(text)
  }

  copy(target: Buffer, offset: number): number {
    let parts: PartsBytes = this
    while (parts instanceof GrownParts) {
      parts.#writeLast(target, offset)
      parts = parts.#former
    }
    parts.copy(target, offset)
    return this.length
  }

  toBuffer(): Buffer {
    const bytes = Buffer.allocUnsafe(this.length)
    this.copy(bytes, 0)
    return bytes
  }

  /**
   * Calls `each` with the parts that were added to `former` (null: to no parts), in order. False: nothing was added, or this did not grow
   * from `former`. Then it calls nothing.
   */
  eachSince(former: RowValue | null, each: (name: string, text: string) => void): boolean {
    const start = former ?? NO_PARTS
    if (this === start) return false
    if (this.#former === start) {
      each(this.#name, this.#text)
      return true
    }
    const added: GrownParts[] = []
    let parts: PartsBytes = this
    while (parts !== start) {
      if (!(parts instanceof GrownParts)) return false
      added.push(parts)
      parts = parts.#former
    }
    for (let i = added.length - 1; i >= 0; i--) {
      const part = added[i] as GrownParts
      each(part.#name, part.#text)
    }
    return true
  }

  #writeLast(target: Buffer, offset: number): void {
    const { length } = this.#name
    let at = target.writeUInt32BE(length, offset + this.#former.length)
    at += target.write(this.#name, at, 'latin1')
    at = target.writeUInt32BE(offset + this.length - at - LENGTH_BYTES, at)
    target.write(this.#text, at, 'utf8')
  }
}

/** With one more part, whose name must be behind all others. @throws RangeError for a name that partName() cannot have made */
export function growParts(parts: PartsBytes, name: string, text: string): PartsBytes {
  if (parts instanceof GrownParts || isFramed(parts)) return new GrownParts(parts, name, text)
  return packParts([...partsOf(parts), { name, value: Buffer.from(text) }])
}

/** The bytes of growParts(), put together at once. @throws RangeError as that does */
export function appendPart(bytes: Buffer, name: string, text: string): Buffer {
  return serializedOf(growParts(bytes, name, text))
}

/** Returns what serializeParts() answered if it can be written. @throws TypeError */
export function checkedParts(answer: PartsBytes): PartsBytes {
  if (answer instanceof GrownParts || answer instanceof Buffer) return answer
  throw new TypeError(`serializeParts() must return a Buffer or what growParts() made, not ${shownKind(answer)}`)
}

/** Puts the bytes together where they are not yet. */
export function serializedOf(value: PartsBytes): Buffer
export function serializedOf(value: RowValue): Serialized
export function serializedOf(value: RowValue | null): Serialized | null
export function serializedOf(value: RowValue | null): Serialized | null {
  return value instanceof GrownParts ? value.toBuffer() : value
}
