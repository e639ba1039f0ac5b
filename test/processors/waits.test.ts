import { expect, it } from 'vitest'
import { Waits } from '../../processors/trip-funnel/waits.ts'
import { Random } from '../support/random.ts'

it('waits are those of a sorted list, whatever comes and goes, and an older one stays as it was', () => {
  const random = new Random(11)
  const expected: number[] = []
  let waits = Waits.NONE
  for (let step = 0; step < 6000; step++) {
    const isGrowing = step < 4000 ? random.chance(0.8) : random.chance(0.2)
    const before = [waits, waits.steps] as const
    if (isGrowing || expected.length === 0) {
      const some = Array.from({ length: 1 + random.below(3) }, () => random.below(900) - 100)
      expected.push(...some)
      expected.sort((a, b) => a - b)
      waits = waits.addAll(some)
    } else {
      waits = waits.removeAll(expected.splice(random.below(expected.length), 2))
    }
    expect(before[0].steps).toBe(before[1])
    if (step % 40 !== 0) continue
    const ranks = [-1, 0, random.below(expected.length), expected.length - 1, expected.length]
    expect(ranks.map((rank) => waits.at(rank))).toEqual(ranks.map((rank) => expected[rank]))
    expect(waits.steps).toBe(expected.map((wait, i) => wait - (expected[i - 1] ?? 0)).join())
    expect(Waits.of(expected).steps).toBe(waits.steps)
    expect(waits).toHaveLength(expected.length)
  }
  expect(Math.max(...waits.chunks.map(({ values }) => values.length))).toBeLessThanOrEqual(256)
  waits = waits.removeAll(expected)
  expect([waits.length, waits.chunks, waits.steps]).toEqual([0, [], ''])
})

it('waits of any size have the text of their numbers', () => {
  const waits = [-3e12, -1e9, -999_999_999, -1, 0, 9, 10, 1e9, 1e9, 4e12]
  expect(Waits.of(waits).steps).toBe(waits.map((wait, i) => wait - (waits[i - 1] ?? 0)).join())
  const all = Array.from({ length: 3000 }, (_, i) => i ** 4)
  expect(Waits.of(all).steps).toBe(all.map((wait, i) => wait - (all[i - 1] ?? 0)).join())
})
