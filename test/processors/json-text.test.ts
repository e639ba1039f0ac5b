import fc from 'fast-check'
import { Type } from 'typebox'
import { describe, expect, it } from 'vitest'
import { JsonText } from '../../processors/json-text.ts'
import { fieldsOf } from '../../processors/shape.ts'
import { formatInstant } from '../../processors/time/format-instant.ts'

const anyText = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.constantFrom('', '\ud800', '"\\\n\u007f', 'x'.repeat(9000)),
)
const anyNumber = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.integer({ min: -180_000_000, max: 180_000_000 }).map((micros) => micros / 1e6),
  fc.integer({ min: -1e9, max: 1e9 }).map((cents) => cents / 100),
  fc.constantFrom(
    0,
    -0,
    1e-6,
    9.9e-7,
    1e-7,
    0.1 + 0.2,
    1e9,
    1e9 - 1e-6,
    999_999_999.999999,
    1e15,
    1e15 - 1,
    1e21,
    5e-324,
  ),
)

describe('a JSON text written piece by piece', () => {
  const text = new JsonText()

  it('prints numbers and strings as JSON.stringify does', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(anyText, anyNumber, fc.constant(null)), { minLength: 1 }), (values) => {
        const named = Object.fromEntries(values.map((value, i) => [`field${i}`, value]))
        const fields = fieldsOf(Type.Object(Object.fromEntries(Object.keys(named).map((name) => [name, Type.Any()]))))
        for (const [name, field] of Object.entries(fields)) {
          const value = named[name] ?? null
          if (typeof value === 'number') text.number(field, value)
          else text.string(field, value)
        }
        expect(text.take()).toBe(JSON.stringify(named))
      }),
      { seed: 7, numRuns: 800 },
    )
  })

  it('prints lists as JSON.stringify does, without the nulls at their ends', () => {
    type Item = string | number | boolean | null | undefined | object | Item[]
    const { list } = fc.letrec<{ item: Item; list: Item[] }>((tie) => ({
      item: fc.oneof(
        { maxDepth: 3 },
        fc.oneof(anyText, anyNumber, fc.boolean(), fc.constantFrom(null, undefined), fc.record({ a: anyNumber })),
        tie('list'),
      ),
      list: fc.array(tie('item')),
    }))
    const write = (items: Item[]): void => {
      for (const item of items) {
        if (!Array.isArray(item)) {
          text.item(item)
          continue
        }
        text.openList()
        write(item)
        text.closeList()
      }
    }
    const withoutEnd = (items: Item[]): Item[] =>
      items
        .slice(0, items.findLastIndex((item) => item !== null && item !== undefined) + 1)
        .map((item) => (Array.isArray(item) ? withoutEnd(item) : item))
    fc.assert(
      fc.property(list, (items) => {
        text.openList()
        write(items)
        expect(text.takeList()).toBe(JSON.stringify(withoutEnd(items)))
      }),
      { seed: 7, numRuns: 400 },
    )
  })

  it('prints whole units of a position and texts from their bytes as JSON.stringify does', () => {
    const { units: UNITS, id: ID } = fieldsOf(Type.Object({ units: Type.Number(), id: Type.String() }))
    const units = fc.oneof(
      fc.integer(),
      fc.integer({ min: -20, max: 20 }),
      fc.integer().map((n) => (n >> 7) * 100),
    )
    const ascii = fc.string({ unit: 'binary-ascii' }).map((from) => from.replaceAll(/[^\x20-\x7e]/g, ''))
    fc.assert(
      fc.property(units, ascii, anyText, (value, beginning, rest) => {
        const bytes = Buffer.from(`-${rest}-`)
        text.units(UNITS, value)
        text.utf8(ID, beginning, bytes, 1, bytes.length - 1)
        const id = beginning + bytes.toString('utf8', 1, bytes.length - 1)
        expect(text.take()).toBe(JSON.stringify({ units: value / 1e7, id }))
      }),
      { seed: 7, numRuns: 800 },
    )
  })

  it('prints instants as formatInstant does', () => {
    const { at: AT } = fieldsOf(Type.Object({ at: Type.String() }))
    const ms = fc.oneof(fc.integer({ min: -8.64e15, max: 8.64e15 }), fc.integer({ min: 0, max: 4_102_444_800_000 }))
    fc.assert(
      fc.property(ms, (at) => {
        text.instant(AT, at)
        expect(text.take()).toBe(JSON.stringify({ at: formatInstant(at) }))
      }),
      { seed: 7, numRuns: 400 },
    )
  })
})
