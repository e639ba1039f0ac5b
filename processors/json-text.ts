import { Buffer } from 'node:buffer'
import { lengthOf, SMALL, smallDigits } from './digits.ts'
import { type Cents, moneyToJson } from './money.ts'
import type { Field, FieldSink } from './shape.ts'
import { dateOf } from './time/format-instant.ts'

const FIRST_BYTES = 4096
/** Bytes that a number, an instant or a null take at most. */
const SHORT = 32
const NULL = Uint8Array.from(Buffer.from('null'))
const MICRO = 1e6
const MICRO_DIGITS = 6
/** Doubles distinguish all decimals of up to 15 digits, so printing such a double gives the decimal back. */
const EXACT = 1e15
const QUOTE = 0x22
const BACKSLASH = 0x5c
const CLOSE_OBJECT = 0x7d
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const COMMA = 0x2c
/** Whole units of a position, see units(). */
const UNIT = 1e7
const UNIT_DIGITS = 7
const ZERO = 48
const DAY_MS = 86_400_000

/*
 * Writes one JSON text after the other, byte by byte, the very text of JSON.stringify: for rows and outputs whose shape is known,
 * where half of its time goes into looking at the shape and printing doubles.
 * 1. #bytes[0, #at) is the UTF-8 of what was written since the last take().
 * 2. #isAscii: all of that is one byte per character.
 * 3. #nulls: items of the list that were null and are not written yet: nulls at its end are left out.
 */
export class JsonText implements FieldSink {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #at = 0
  #isAscii = true
  #nulls = 0
  /** An item of the list stands before. */
  #isListed = false

  /** Closes the object, returns its text and begins the next one. */
  take(): string {
    this.#byte(CLOSE_OBJECT)
    return this.#taken()
  }

  /** Closes the list, returns its text and begins the next one. */
  takeList(): string {
    this.closeList()
    this.#isListed = false
    return this.#taken()
  }

  /** Begins a list, which may be an item of another one. */
  openList(): void {
    this.#beforeItem()
    this.#byte(OPEN_LIST)
    this.#isListed = false
  }

  /** Undefined counts as null. */
  item(value: unknown): void {
    if (value === null || value === undefined) {
      this.#nulls++
      return
    }
    this.#beforeItem()
    if (typeof value === 'string') this.#quoted(value)
    else if (typeof value === 'number') this.#number(value)
    else this.#value(value)
  }

  /** Without the nulls at its end. */
  closeList(): void {
    this.#nulls = 0
    this.#byte(CLOSE_LIST)
    this.#isListed = true
  }

  #beforeItem(): void {
    for (; this.#nulls > 0; this.#nulls--) {
      if (this.#isListed) this.#byte(COMMA)
      this.#raw(NULL)
      this.#isListed = true
    }
    if (this.#isListed) this.#byte(COMMA)
    this.#isListed = true
  }

  #taken(): string {
    const text = this.#bytes.toString(this.#isAscii ? 'latin1' : 'utf8', 0, this.#at)
    this.#at = 0
    this.#isAscii = true
    return text
  }

  string(field: Field<string | null>, text: string | null): void {
    this.#raw(field.before)
    if (text === null) this.#raw(NULL)
    else this.#quoted(text)
  }

  #quoted(text: string): void {
    const bytes = this.#room(text.length + 2)
    let at = this.#at
    bytes[at++] = QUOTE
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code < 0x20 || code > 0x7e || code === QUOTE || code === BACKSLASH) {
        this.#value(text)
        return
      }
      bytes[at++] = code
    }
    bytes[at++] = QUOTE
    this.#at = at
  }

  /** The string whose UTF-8 is `beginning`, which is ASCII, and then these bytes. */
  utf8(field: Field<string>, beginning: string, from: Buffer, start: number, end: number): void {
    this.#raw(field.before)
    const bytes = this.#room(beginning.length + end - start + 2)
    let at = this.#at
    let isPlain = true
    bytes[at++] = QUOTE
    for (let i = 0; i < beginning.length; i++) {
      const code = beginning.charCodeAt(i)
      isPlain &&= code !== QUOTE && code !== BACKSLASH
      bytes[at++] = code
    }
    for (let i = start; i < end; i++) {
      const code = from[i] as number
      isPlain &&= code >= 0x20 && code <= 0x7e && code !== QUOTE && code !== BACKSLASH
      bytes[at++] = code
    }
    if (isPlain) {
      bytes[at++] = QUOTE
      this.#at = at
    } else this.#value(beginning + from.toString('utf8', start, end))
  }

  number(field: Field<number>, value: number): void {
    this.#raw(field.before)
    this.#number(value)
  }

  /** The number `units / 10^7`, of a 32-bit integer. */
  units(field: Field<number>, units: number): void {
    this.#raw(field.before)
    const size = Math.abs(units)
    // Smaller numbers are printed with an exponent.
    if (size < UNIT / MICRO && units !== 0) {
      this.#value(units / UNIT)
      return
    }
    if (units < 0) this.#byte(0x2d)
    const whole = Math.floor(size / UNIT)
    this.#digits(whole)
    if (whole * UNIT !== size) this.#decimals(size - whole * UNIT, UNIT_DIGITS)
  }

  /** A list whose objects come next, with nextObject() between them. */
  objects(field: Field<readonly unknown[]>): void {
    this.#raw(field.before)
    this.#byte(OPEN_LIST)
  }

  /** An object of the list ends, and another one begins. */
  nextObject(): void {
    this.#byte(CLOSE_OBJECT)
    this.#byte(COMMA)
  }

  /** @param isEmpty no object is open */
  endObjects(isEmpty: boolean): void {
    if (!isEmpty) this.#byte(CLOSE_OBJECT)
    this.#byte(CLOSE_LIST)
  }

  money(field: Field<number | null>, cents: Cents | null): void {
    this.#raw(field.before)
    const money = cents === null ? null : moneyToJson(cents)
    if (typeof money === 'number') this.#number(money)
    else this.#value(money)
  }

  object<T>(field: Field<object | null>, value: T | null, show: (to: FieldSink, value: T) => void): void {
    this.#raw(field.before)
    if (value === null) {
      this.#raw(NULL)
      return
    }
    show(this, value)
    this.#byte(CLOSE_OBJECT)
  }

  #number(value: number): void {
    const size = Math.abs(value)
    const whole = Math.floor(size)
    const micros = size < EXACT / MICRO ? Math.round(size * MICRO) : Number.NaN
    if (whole === size && size < EXACT) {
      if (value < 0) this.#byte(0x2d)
      this.#digits(whole)
    } else if (micros / MICRO === size) {
      if (value < 0) this.#byte(0x2d)
      this.#digits(whole)
      this.#decimals(micros - whole * MICRO, MICRO_DIGITS)
    } else this.#ascii(JSON.stringify(value))
  }

  /** Writes the string of formatInstant(). */
  instant(field: Field<string | null>, ms: number | null): void {
    this.#raw(field.before)
    if (ms === null) {
      this.#raw(NULL)
      return
    }
    const day = Math.floor(ms / DAY_MS)
    const date = dateOf(day)
    const bytes = this.#room(SHORT)
    let at = this.#at
    bytes[at++] = QUOTE
    for (let i = 0; i < date.length; i++) bytes[at++] = date.charCodeAt(i)
    const rest = ms - day * DAY_MS
    const seconds = Math.floor(rest / 1000)
    const minutes = Math.floor(seconds / 60)
    const hour = Math.floor(minutes / 60)
    const milli = rest - seconds * 1000
    const hundreds = Math.floor(milli / 100)
    bytes[at++] = 0x54
    at = twoDigits(bytes, at, hour, 0x3a)
    at = twoDigits(bytes, at, minutes - hour * 60, 0x3a)
    at = twoDigits(bytes, at, seconds - minutes * 60, 0x2e)
    bytes[at++] = ZERO + hundreds
    at = twoDigits(bytes, at, milli - hundreds * 100, 0x5a)
    bytes[at++] = QUOTE
    this.#at = at
  }

  #raw(text: Uint8Array): void {
    const bytes = this.#room(text.length)
    let at = this.#at
    for (let i = 0; i < text.length; i++) bytes[at++] = text[i] as number
    this.#at = at
  }

  #ascii(text: string): void {
    const bytes = this.#room(text.length)
    const at = this.#at
    for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i)
    this.#at = at + text.length
  }

  /** Anything else. */
  #value(value: unknown): void {
    const text = JSON.stringify(value)
    const bytes = this.#room(text.length * 3)
    const length = bytes.write(text, this.#at, 'utf8')
    if (length !== text.length) this.#isAscii = false
    this.#at += length
  }

  #byte(byte: number): void {
    this.#room(1)[this.#at++] = byte
  }

  /** An integer from 0 to 10^15. */
  #digits(value: number): void {
    const bytes = this.#room(SHORT)
    let at = this.#at
    let low = value
    if (value >= SMALL) {
      const high = Math.floor(value / SMALL)
      low = value - high * SMALL
      at = smallDigits(bytes, at, high, lengthOf(high))
      at = smallDigits(bytes, at, low, 9)
    } else at = smallDigits(bytes, at, low, lengthOf(low))
    this.#at = at
  }

  /** The digits behind the point, without zeros at their end; there are others. */
  #decimals(value: number, most: number): void {
    const bytes = this.#room(SHORT)
    bytes[this.#at] = 0x2e
    let digits = value | 0
    let length = most
    for (let tenth = (digits / 10) | 0; tenth * 10 === digits; tenth = (digits / 10) | 0) {
      digits = tenth
      length--
    }
    this.#at = smallDigits(bytes, this.#at + 1, digits, length)
  }

  /** Makes sure that there are so many bytes after #at. */
  #room(size: number): Buffer {
    if (this.#at + size > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow((this.#at + size) * 2)
      this.#bytes.copy(grown, 0, 0, this.#at)
      this.#bytes = grown
    }
    return this.#bytes
  }
}

function twoDigits(bytes: Buffer, at: number, value: number, behind: number): number {
  const tens = (value / 10) | 0
  bytes[at] = ZERO + tens
  bytes[at + 1] = ZERO + value - tens * 10
  bytes[at + 2] = behind
  return at + 3
}
