import type { TObject, TSchema } from 'typebox'

const QUOTE = 0x22
const COMMA = 0x2c
const MINUS = 0x2d
const DOT = 0x2e
const ZERO = 0x30
const COLON = 0x3a
const BACKSLASH = 0x5c
const OPEN = 0x7b
const CLOSE = 0x7d
const SPACE = 0x20
const FIRST_BEYOND_ASCII = 0x80

/** So many digits are an integer that a double holds, and dividing it by the power of ten rounds once, as JSON.parse does. */
const MOST_DIGITS = 15
const POWERS_OF_TEN = Float64Array.from({ length: MOST_DIGITS + 1 }, (_, i) => 10 ** i)
/** Fields are bits of a number. */
const MOST_FIELDS = 31

/** 1: the byte may stand in a string as it is, and is a character by itself. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= SPACE && byte < FIRST_BEYOND_ASCII && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0,
)

type Kind = 'text' | 'choice' | 'number' | 'object'

/** A field as its schema describes it. A class, so that all of them share one hidden class. */
class Field {
  readonly key: string
  /** The key as the text has it, with its quotes. */
  readonly name: Uint8Array
  readonly slot: number
  readonly kind: Kind
  readonly minimum: number
  readonly maximum: number
  readonly choices: readonly Uint8Array[]
  readonly fields: readonly Field[]
  /** Bits of the fields that an object must have. */
  readonly required: number

  constructor(key: string, schema: FieldSchema, fields: readonly Field[], slot: number) {
    this.key = key
    this.name = Uint8Array.from(Buffer.from(JSON.stringify(key)))
    this.slot = slot
    this.minimum = schema.minimum ?? Number.NEGATIVE_INFINITY
    this.maximum = schema.maximum ?? Number.POSITIVE_INFINITY
    const choices = schema.const === undefined ? (schema.enum ?? []) : [schema.const]
    this.choices = choices.map((choice) => Uint8Array.from(Buffer.from(choice)))
    this.kind = choices.length > 0 ? 'choice' : kindOf(schema)
    this.fields = fields
    const required = schema.required ?? []
    this.required = fields.reduce((bits, one) => bits | (required.includes(one.key) ? 1 << one.slot : 0), 0)
  }
}

interface FieldSchema {
  readonly type?: string
  readonly const?: string
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, TSchema>>
}

function kindOf({ type }: FieldSchema): Kind {
  if (type === 'string') return 'text'
  if (type === 'number' || type === 'object') return type
  throw new TypeError(`a field of the type ${type} cannot be scanned`)
}

/*
 * Reads the fields that a schema names off the bytes of a JSON object, in one pass and with no object in between. It knows the JSON that
 * programs write. Whatever is out of the ordinary (an escape, a byte beyond ASCII, an exponent, a field twice, null, an object nobody
 * knows) it leaves to JSON.parse, and so it does with whatever is invalid: it says no, and not why.
 * 1. What scan() accepts is JSON that the schema's validator accepts, too, and each field of the schema has the value of JSON.parse.
 * 2. Slots hold what the last scan() found. Text is copied only when it is read.
 */
export class EventScanner {
  readonly #root: Field
  readonly #slots = new Map<string, number>()
  readonly #starts = new Int32Array(MOST_FIELDS)
  readonly #ends = new Int32Array(MOST_FIELDS)
  /** With a place for what is skipped. */
  readonly #numbers = new Float64Array(MOST_FIELDS + 1)
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #seen = 0

  constructor(schema: TObject) {
    this.#root = new Field('', schema as FieldSchema, this.#fieldsOf(schema as FieldSchema, ''), 0)
    if (this.#slots.size > MOST_FIELDS) throw new RangeError(`${this.#slots.size} fields, at most ${MOST_FIELDS}`)
  }

  #fieldsOf({ properties = {} }: FieldSchema, prefix: string): Field[] {
    return Object.entries(properties).map(([name, schema]) => {
      const path = prefix + name
      const slot = this.#slots.size
      this.#slots.set(path, slot)
      return new Field(name, schema as FieldSchema, this.#fieldsOf(schema as FieldSchema, `${path}.`), slot)
    })
  }

  /** The slot of a field: `data.location.lat`. */
  slot(path: string): number {
    const slot = this.#slots.get(path)
    if (slot === undefined) throw new RangeError(`the schema has no field ${path}`)
    return slot
  }

  /** Reads the object in `[start, end)`; false: another reader has to say what it is. */
  scan(bytes: Buffer, start: number, end: number): boolean {
    this.#bytes = bytes
    this.#at = start
    this.#seen = 0
    this.#skipSpace()
    if (bytes[this.#at] !== OPEN || !this.#object(this.#root)) return false
    this.#skipSpace()
    return this.#at === end
  }

  has(slot: number): boolean {
    return (this.#seen & (1 << slot)) !== 0
  }

  text(slot: number): string {
    return this.#bytes.toString('latin1', this.#starts[slot], this.#ends[slot])
  }

  /** Where the text of a field begins and ends. */
  start(slot: number): number {
    return this.#starts[slot] as number
  }

  end(slot: number): number {
    return this.#ends[slot] as number
  }

  number(slot: number): number {
    return this.#numbers[slot] as number
  }

  /** Stands at the opening brace; goes behind the closing one. */
  #object(object: Field): boolean {
    const bytes = this.#bytes
    let expected = 0
    this.#at++
    this.#skipSpace()
    if (bytes[this.#at] === CLOSE) {
      this.#at++
      return object.required === 0
    }
    for (;;) {
      if (bytes[this.#at] !== QUOTE) return false
      const index = this.#find(object.fields, expected)
      if (index < 0 && !this.#string()) return false
      this.#skipSpace()
      if (bytes[this.#at] !== COLON) return false
      this.#at++
      this.#skipSpace()
      if (index < 0) {
        if (!this.#skipValue()) return false
      } else {
        if (!this.#value(object.fields[index] as Field)) return false
        expected = index + 1
      }
      this.#skipSpace()
      const mark = bytes[this.#at++]
      if (mark === CLOSE) return (this.#seen & object.required) === object.required
      if (mark !== COMMA) return false
      this.#skipSpace()
    }
  }

  /** Index of the field whose name stands here, and goes behind it; -1: none. Most producers write fields in the schema's order. */
  #find(fields: readonly Field[], expected: number): number {
    for (let i = 0, index = expected; i < fields.length; i++, index++) {
      if (index >= fields.length) index -= fields.length
      const { name } = fields[index] as Field
      if (!this.#stands(name, this.#at)) continue
      this.#at += name.length
      return index
    }
    return -1
  }

  #stands(text: Uint8Array, at: number): boolean {
    const bytes = this.#bytes
    // Names of one object seldom end alike.
    let i = text.length - 1
    while (i >= 0 && bytes[at + i] === text[i]) i--
    return i < 0
  }

  #value(field: Field): boolean {
    const { slot, kind } = field
    const bit = 1 << slot
    if ((this.#seen & bit) !== 0) return false
    this.#seen |= bit
    if (kind === 'number') {
      if (!this.#number(slot)) return false
      const value = this.#numbers[slot] as number
      return value >= field.minimum && value <= field.maximum
    }
    if (kind === 'object') return this.#bytes[this.#at] === OPEN && this.#object(field)
    if (this.#bytes[this.#at] !== QUOTE) return false
    const start = this.#at + 1
    if (!this.#string()) return false
    this.#starts[slot] = start
    this.#ends[slot] = this.#at - 1
    return kind === 'text' || this.#choose(field, start, this.#at - 1)
  }

  /** The number of a choice is its place among them. */
  #choose({ choices, slot }: Field, start: number, end: number): boolean {
    for (let i = 0; i < choices.length; i++) {
      const choice = choices[i] as Uint8Array
      if (choice.length !== end - start || !this.#stands(choice, start)) continue
      this.#numbers[slot] = i
      return true
    }
    return false
  }

  /** Stands at the opening quote; goes behind the closing one. */
  #string(): boolean {
    const bytes = this.#bytes
    let at = this.#at + 1
    while (PLAIN[bytes[at] as number] === 1) at++
    this.#at = at + 1
    return bytes[at] === QUOTE
  }

  #number(slot: number): boolean {
    const bytes = this.#bytes
    let at = this.#at
    const isNegative = bytes[at] === MINUS
    if (isNegative) at++
    const first = at
    let digits = 0
    let value = 0
    for (let digit = digitOf(bytes[at]); digit >= 0; digit = digitOf(bytes[++at])) {
      value = value * 10 + digit
      digits++
    }
    if (digits === 0 || (digits > 1 && bytes[first] === ZERO)) return false
    let decimals = 0
    if (bytes[at] === DOT) {
      for (let digit = digitOf(bytes[++at]); digit >= 0; digit = digitOf(bytes[++at])) {
        value = value * 10 + digit
        decimals++
      }
      if (decimals === 0) return false
    }
    if (digits + decimals > MOST_DIGITS) return false
    if (decimals > 0) value /= POWERS_OF_TEN[decimals] as number
    this.#numbers[slot] = isNegative ? -value : value
    this.#at = at
    // An exponent, or a text that is not a number, does not end a value for the caller.
    return true
  }

  /** The value of a field that the schema does not name: a text or a number. */
  #skipValue(): boolean {
    return this.#bytes[this.#at] === QUOTE ? this.#string() : this.#number(MOST_FIELDS)
  }

  #skipSpace(): void {
    const bytes = this.#bytes
    for (let byte = bytes[this.#at] as number; byte <= SPACE; byte = bytes[++this.#at] as number) {
      if (byte !== SPACE && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return
    }
  }
}

function digitOf(byte: number | undefined): number {
  const digit = (byte as number) - ZERO
  return digit <= 9 ? digit : -1
}
