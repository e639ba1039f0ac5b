import { expect, it } from 'vitest'
import { shown } from '../../../runtime/causes/shown-value.ts'

it('a value is shown as JSON can hold it', () => {
  const values: readonly (readonly [value: unknown, expected: unknown])[] = [
    [undefined, null],
    [12n, 12],
    [2n ** 70n, String(2n ** 70n)],
    [Number.NaN, 'NaN'],
    [Buffer.from('text\n'), 'text\n'],
    [Buffer.from([0, 255]), { hex: '00ff' }],
    [Buffer.from([0x61, 0xff]), { hex: '61ff' }],
    [Buffer.from('\u001b[2J'), '\u001b[2J'],
    [Buffer.from([0, 0, 0, 5]), { hex: '00000005' }],
    [Buffer.from('no \ufffd'), 'no \ufffd'],
    [new Date(0), '1970-01-01T00:00:00.000Z'],
    [new Map([['a', new Set([1, 2])]]), { a: [1, 2] }],
    [new Map([[{ id: 1 }, 'x']]), [[{ id: 1 }, 'x']]],
    [new RangeError('no'), 'RangeError: no'],
    [{ nested: [{ absent: undefined }] }, { nested: [{ absent: null }] }],
  ]
  expect(values.map(([value]) => shown(value))).toEqual(values.map(([, expected]) => expected))
})

it('a value is copied when it is seen, and one that contains itself has an end', () => {
  const value: { list: number[]; self?: unknown } = { list: [1] }
  const before = shown(value)
  value.list.push(2)
  value.self = value
  expect(before).toEqual({ list: [1] })
  expect(JSON.stringify(shown(value))).toContain('…')
})
