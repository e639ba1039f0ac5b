import { Buffer } from 'node:buffer'
import type { Static, TObject, TProperties } from 'typebox'
import { type Cents, type JsonMoney, moneyToJson } from './money.ts'
import { formatInstant } from './time/format-instant.ts'

/*
 * The shape of an answer or output stands in its schema. One function shows its fields in order to a sink, which makes an object
 * of them (ShownObject) or a text (JsonText).
 */

/** A field whose value is a T in JSON. */
export interface Field<T> {
  readonly name: string
  /** Encoded text before the value: `{"first":` or `,"next":`. */
  readonly before: Uint8Array
  /** For the compiler alone: no field has it. */
  readonly type?: T
}

/** The object of that schema as ShownObject makes it: numbers that are money may be beyond what a double holds. */
export type Shown<Schema extends TObject> = {
  readonly [name in keyof Static<Schema>]: number extends Static<Schema>[name]
    ? JsonMoney | Exclude<Static<Schema>[name], number>
    : Static<Schema>[name]
}

/** The fields of a schema by their names, which are ASCII. */
export function fieldsOf<P extends TProperties>(
  schema: TObject<P>,
): { readonly [name in keyof P]: Field<Static<P[name]>> } {
  const fields = Object.keys(schema.properties).map((name, i): [string, Field<unknown>] => {
    const before = Buffer.from(`${i === 0 ? '{' : ','}"${name}":`, 'latin1')
    return [name, { name, before: Uint8Array.from(before) }]
  })
  return Object.fromEntries(fields) as { readonly [name in keyof P]: Field<Static<P[name]>> }
}

/** Takes the fields of one object after the other, all of them and in order. */
export interface FieldSink {
  string<T extends string | null>(field: Field<T>, text: NoInfer<T>): void
  number(field: Field<number>, value: number): void
  money(field: Field<number | null>, cents: Cents | null): void
  instant(field: Field<string | null>, ms: number | null): void
  object<T extends object>(field: Field<object | null>, value: T | null, show: (to: FieldSink, value: T) => void): void
}

export class ShownObject implements FieldSink {
  #object: Record<string, unknown> = {}

  /** Returns the object and begins the next one. */
  take(): Record<string, unknown> {
    const object = this.#object
    this.#object = {}
    return object
  }

  string(field: Field<string | null>, text: string | null): void {
    this.#object[field.name] = text
  }

  number(field: Field<number>, value: number): void {
    this.#object[field.name] = value
  }

  money(field: Field<number | null>, cents: Cents | null): void {
    this.#object[field.name] = cents === null ? null : moneyToJson(cents)
  }

  instant(field: Field<string | null>, ms: number | null): void {
    this.#object[field.name] = ms === null ? null : formatInstant(ms)
  }

  object<T>(field: Field<object | null>, value: T | null, show: (to: FieldSink, value: T) => void): void {
    const inner = new ShownObject()
    if (value !== null) show(inner, value)
    this.#object[field.name] = value === null ? null : inner.take()
  }
}
