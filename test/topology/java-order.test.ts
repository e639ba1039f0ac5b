import { describe, expect, it } from 'vitest'
import { javaHashOrder, javaHashSetCopyOrder, TreeSet } from '../../topology/describe/java-order.ts'

/* Expected orders were printed by OpenJDK 17. */
describe('the orders of Java collections', () => {
  it.each([
    [
      ['trip.requested', 'trip.accepted', 'trip.started', 'trip.completed', 'trip.cancelled'],
      ['trip.accepted', 'trip.completed', 'trip.cancelled', 'trip.requested', 'trip.started'],
    ],
    [
      ['Aa', 'BB', 'C#', 'AaAa', 'BBBB', 'AaBB', 'BBAa'],
      ['Aa', 'BB', 'C#', 'AaAa', 'BBBB', 'AaBB', 'BBAa'],
    ],
  ])('include that of new HashSet<>(%j)', (keys, expected) => {
    expect(javaHashSetCopyOrder(keys)).toEqual(expected)
  })

  it('include that of a hash set that has grown', () => {
    const keys = Array.from({ length: 40 }, (_, i) => `KSTREAM-NODE-${String(i * 7).padStart(10, '0')}`)
    const numbers = javaHashOrder(keys).map((key) => Number(key.slice(-10)))
    expect(numbers).toEqual([
      168, 245, 147, 224, 49, 126, 203, 28, 105, 21, 0, 189, 266, 182, 84, 161, 63, 140, 42, 7, 14, 259, 98, 175, 252,
      77, 154, 231, 56, 133, 210, 35, 112, 196, 273, 91, 70, 238, 217, 119,
    ])
  })

  it('include that of a tree set, whatever the order of insertion', () => {
    for (const step of [1, 3, 7, 11]) {
      const set = new TreeSet<number>((a, b) => a - b)
      for (let i = 0; i < 97; i += 1) set.add((i * step) % 97)
      set.add(5)
      expect([...set]).toEqual(Array.from({ length: 97 }, (_, i) => i))
    }
  })
})
