import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { behindPrefix, toBinary } from '../../state/keys/binary-key.ts'
import { decodeInt, decodeLong, encodeInt, encodeLong } from '../../state/keys/binary-number.ts'
import { FreshKeys } from '../../state/keys/fresh-keys.ts'
import { mergeKeys, SortedKeys } from '../../state/keys/sorted-keys.ts'

const binary = (maxLength: number) => fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString('latin1'))
const parameters = { seed: 7, numRuns: 120 }

describe('binary keys', () => {
  it('hold the UTF-8 bytes of a string, and keep their order', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 8 })
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Buffer.from(toBinary(a), 'latin1')).toEqual(Buffer.from(a, 'utf8'))
        expect(toBinary(Buffer.from(a, 'utf8'))).toBe(toBinary(a))
        expect(Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)))).toBe(
          toBinary(a) < toBinary(b) ? -1 : toBinary(a) > toBinary(b) ? 1 : 0,
        )
      }),
      parameters,
    )
  })

  it('keep their order when LevelDB stores them as UTF-8', () => {
    fc.assert(
      fc.property(binary(5), binary(5), (a, b) => {
        expect(Math.sign(Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8')))).toBe(
          a < b ? -1 : a > b ? 1 : 0,
        )
      }),
      parameters,
    )
  })

  it('have a key behind all that begin with a prefix, unless that has no byte below FF', () => {
    const bytes = fc.constantFrom('\0', 'a', '\xfe', '\xff')
    const key = fc.array(bytes, { maxLength: 4 }).map((chars) => chars.join(''))
    fc.assert(
      fc.property(key, key, (prefix, other) => {
        const end = behindPrefix(prefix)
        expect(Buffer.from(end ?? '', 'latin1').toString('latin1')).toBe(end ?? '')
        expect(other >= prefix && (end === undefined || other < end)).toBe(other.startsWith(prefix))
      }),
      parameters,
    )
    expect(['a\xff', '\xff\xff', ''].map(behindPrefix)).toEqual(['b', undefined, undefined])
  })

  it('write times as Kafka does, and order by them', () => {
    const time = fc.maxSafeNat()
    fc.assert(
      fc.property(time, time, fc.integer({ min: 0, max: 0xffffffff }), (a, b, small) => {
        const java = Buffer.alloc(8)
        java.writeBigInt64BE(BigInt(a))
        expect(Buffer.from(encodeLong(a), 'latin1')).toEqual(java)
        expect(decodeLong(`x${encodeLong(a)}`, 1)).toBe(a)
        expect(encodeLong(a) < encodeLong(b)).toBe(a < b)
        expect(decodeInt(encodeInt(small), 0)).toBe(small)
      }),
      parameters,
    )
    expect(() => encodeLong(-1)).toThrow(RangeError)
    expect(() => encodeLong(Number.NaN)).toThrow(RangeError)
  })
})

it('FreshKeys equal a sorted array, whenever they are read in order and whenever a commit is over', () => {
  const key = fc.integer({ min: 0, max: 60 }).map((number) => String(number).padStart(2, '0'))
  const step = fc.oneof(
    fc.record({ what: fc.constant('add' as const), key }),
    fc.record({ what: fc.constant('delete' as const), key }),
    fc.constant({ what: 'commit' as const }),
    fc.constant({ what: 'clear' as const }),
    fc.record({ what: fc.constant('read' as const), from: key, to: key, reverse: fc.boolean() }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
      const model = new Set<string>()
      const keys = new FreshKeys(() => model)
      for (const one of steps) {
        if (one.what === 'add') {
          keys.add(one.key)
          model.add(one.key)
        } else if (one.what === 'delete') {
          keys.delete(one.key)
          model.delete(one.key)
        } else if (one.what === 'commit') keys.relax()
        else if (one.what === 'clear') {
          keys.clear()
          model.clear()
        } else {
          const { from, to, reverse } = one
          const expected = [...model].sort().filter((each) => each >= from && each < to)
          expect([...keys.iterate({ from, to, reverse })]).toEqual(reverse ? expected.reverse() : expected)
          expect(keys.size).toBe(model.size)
        }
      }
      expect([...keys.iterate({})]).toEqual([...model].sort())
    }),
    parameters,
  )
})

describe('SortedKeys', () => {
  // Enough distinct keys to split and empty blocks many times.
  const key = fc.integer({ min: 0, max: 3000 }).map((number) => number.toString(36).padStart(3, '0'))
  const bounds = fc.record({
    from: fc.option(key, { nil: undefined }),
    to: fc.option(key, { nil: undefined }),
    reverse: fc.boolean(),
  })

  it('equals a sorted array under adds, deletes and ranges', () => {
    const run = fc.record({
      add: fc.boolean(),
      from: fc.integer({ min: 0, max: 3000 }),
      length: fc.integer({ min: 1, max: 900 }),
      stride: fc.constantFrom(1, 7, -1),
    })
    fc.assert(
      fc.property(
        fc.array(run, { minLength: 1, maxLength: 12, size: 'max' }),
        fc.array(bounds, { minLength: 2, maxLength: 4 }),
        (runs, ranges) => {
          const keys = new SortedKeys()
          const model = new Set<string>()
          for (const { add, from, length, stride } of runs) {
            for (let step = 0; step < length; step++) {
              const each = Math.abs(from + step * stride)
                .toString(36)
                .padStart(3, '0')
              if (add) expect(keys.add(each)).toBe(!model.has(each))
              else expect(keys.delete(each)).toBe(model.has(each))
              if (add) model.add(each)
              else model.delete(each)
            }
          }
          const sorted = [...model].sort()
          expect([keys.size, [...keys.iterate({})]]).toEqual([sorted.length, sorted])
          for (const { from, to, reverse } of ranges) {
            const expected = sorted.filter(
              (each) => (from === undefined || each >= from) && (to === undefined || each < to),
            )
            expect([...keys.iterate({ from, to, reverse })]).toEqual(reverse ? expected.reverse() : expected)
          }
          expect([...SortedKeys.fromSorted(sorted).iterate({})]).toEqual(sorted)
          expect(sorted.every((each) => keys.has(each))).toBe(true)
        },
      ),
      { seed: 7, numRuns: 60 },
    )
  })

  it('can be changed while it is iterated', () => {
    for (const reverse of [false, true]) {
      const keys = SortedKeys.fromSorted(Array.from({ length: 2000 }, (_, index) => String(index).padStart(5, '0')))
      const seen: string[] = []
      for (const each of keys.iterate({ reverse })) {
        seen.push(each)
        keys.delete(each)
        // Behind the iterator: not seen.
        keys.add(reverse ? `9${each}` : `${each.slice(0, 4)}`)
      }
      expect(seen).toHaveLength(2000)
      expect(new Set(seen).size).toBe(2000)
    }
  })

  it('merges two ordered lists with each key once', () => {
    const list = fc.uniqueArray(key, { maxLength: 20 })
    fc.assert(
      fc.property(list, list, fc.boolean(), (a, b, reverse) => {
        const order = (keys: string[]) => (reverse ? keys.sort().reverse() : keys.sort())
        expect([...mergeKeys(order([...a]), order([...b]), reverse)]).toEqual(order([...new Set([...a, ...b])]))
      }),
      parameters,
    )
  })

  it('a merge closes both lists when its reader stops early, and when one of them fails', () => {
    let open = 0
    function* list(...keys: readonly string[]): Generator<string> {
      open++
      try {
        for (const each of keys) {
          if (each === 'fails') throw new Error(each)
          yield each
        }
      } finally {
        open--
      }
    }
    for (const each of mergeKeys(list('a', 'c'), list('b', 'd'), false)) if (each === 'b') break
    expect(open).toBe(0)
    expect(() => [...mergeKeys(list('a', 'c'), list('b', 'fails'), false)]).toThrow('fails')
    expect(open).toBe(0)
  })

  it('a merge closes the second list when closing the first one fails', () => {
    let closed = 0
    const list = (failure: Error | null): Iterable<string> => ({
      [Symbol.iterator]: () => ({
        next: () => ({ done: false, value: 'a' }),
        return() {
          closed++
          if (failure !== null) throw failure
          return { done: true, value: undefined }
        },
      }),
    })
    const merge = mergeKeys(list(new Error('cannot close')), list(null), false)
    merge.next()
    expect(() => merge.return(undefined)).toThrow('cannot close')
    expect(closed).toBe(2)
  })
})
