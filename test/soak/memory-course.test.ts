import { expect, it } from 'vitest'
import { cHeapsMiB, growth, type MemorySample, phases, sparkline } from './memory-course.ts'

const samples = (rss: readonly number[]): MemorySample[] =>
  rss.map((rssMiB, i) => {
    const rest = { anonMiB: 0, fileMiB: 0, heapMiB: 0, heldHeapMiB: 0, externalMiB: 0, cHeapsMiB: 0 }
    return { atMs: (i + 1) * 10, rssMiB, ...rest, openFiles: 0, processed: 0, lag: 0 }
  })

it('a start that fills caches is not growth; a rise in the last third is', () => {
  const rss = (sample: MemorySample) => sample.rssMiB
  expect(growth(samples([10, 50, 90, 100, 100, 100, 100, 100, 100]), rss)).toBe(0)
  expect(growth(samples([100, 100, 100, 100, 100, 100, 110, 120, 130]), rss)).toBeCloseTo(0.2)
})

it('every sample belongs to one phase', () => {
  const all = samples([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  expect(phases(all, 3).flatMap((phase) => phase.samples)).toEqual(all)
})

it('a line of bars rises from the lowest to the highest value', () => {
  expect(sparkline(samples([10, 20, 30, 80]), 5, (sample) => sample.rssMiB)).toBe('10 ▁▂▃█ 80')
  expect(sparkline(samples([5, 5]), 10, (sample) => sample.rssMiB)).toBe('5 ▁▁ 5')
})

it('heaps of the C library are the first one and those that begin at 64 MiB boundaries', () => {
  const smaps = [
    '3ff00000-40100000 rw-p 00000000 00:00 0                      [heap]',
    'Rss:                1024 kB',
    '7f0a04000000-7f0a04200000 rw-p 00000000 00:00 0 ',
    'Size:               9999 kB',
    'Rss:                2048 kB',
    '7f0a05000000-7f0a05200000 rw-p 00000000 00:00 0 ',
    'Rss:                4096 kB',
    '7f0a08000000-7f0a08200000 r--s 00000000 fe:00 77   /state/000005.ldb',
    'Rss:                8192 kB',
  ]
  expect(cHeapsMiB(smaps.join('\n'))).toBe(3)
})
