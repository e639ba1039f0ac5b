import { expect, it } from 'vitest'
import { KeptAnswers } from '../../../infra/streams/kept-answers.ts'

const answer = (result: string | null) => ({ taskId: '0_0', result, lag: 0 })

it('a kept answer is valid while the count is unchanged, by store and key, also for absent rows', () => {
  const version = new Int32Array(new SharedArrayBuffer(4))
  const kept = new KeptAnswers(version)
  kept.keep('trips', 'a', answer('1'), 0)
  kept.keep('trips', 'b', answer(null), 0)
  expect(kept.get('trips', 'a')).toEqual(answer('1'))
  expect(kept.get('trips', 'b')).toEqual(answer(null))
  expect(kept.get('drivers', 'a')).toBeNull()
  Atomics.add(version, 0, 1)
  expect(kept.get('trips', 'a')).toBeNull()
  // Made before the count moved, arrived after.
  kept.keep('trips', 'a', answer('1'), 0)
  expect(kept.get('trips', 'a')).toBeNull()
  kept.keep('trips', 'a', answer('2'), 1)
  expect(kept.get('trips', 'a')).toEqual(answer('2'))
  expect(kept.get('trips', 'b')).toBeNull()
})

it('kept answers of an index are valid while the count is unchanged, if they are texts', () => {
  const version = new Int32Array(new SharedArrayBuffer(4))
  const kept = new KeptAnswers(version)
  const list = (...data: unknown[]) => ({ result: { rows: [], data }, lag: 0, tasks: ['0_0'] })
  kept.keepList('started', list('a', 'b'), 0)
  kept.keepList('nearby', list({ distance: 1 }), 0)
  kept.keepList('huge', list('x'.repeat(17 * 1024 * 1024)), 0)
  expect(kept.list('started')).toEqual(list('a', 'b'))
  expect([kept.list('nearby'), kept.list('huge')]).toEqual([null, null])
  kept.keep('trips', 'a', answer('1'), 0)
  Atomics.add(version, 0, 1)
  expect(kept.list('started')).toBeNull()
  // The count moved while it was read: it may be of either side.
  kept.keepList('started', list('a'), 0)
  expect(kept.list('started')).toBeNull()
  kept.keepList('started', list('c'), 1)
  expect([kept.list('started'), kept.get('trips', 'a')]).toEqual([list('c'), null])
})

it('the number of kept answers is bounded', () => {
  const kept = new KeptAnswers(new Int32Array(new SharedArrayBuffer(4)))
  const long = 'x'.repeat(1024 * 1024)
  for (let i = 0; i < 100; i++) kept.keep('trips', `trip-${i}`, answer(long), 0)
  const found = Array.from({ length: 100 }, (_, i) => kept.get('trips', `trip-${i}`)).filter((one) => one !== null)
  expect(found.length).toBeGreaterThan(0)
  expect(found.length).toBeLessThanOrEqual(16)
  kept.keep('trips', 'huge', answer('x'.repeat(17 * 1024 * 1024)), 0)
  expect(kept.get('trips', 'huge')).toBeNull()
})
