import { expect, it } from 'vitest'
import { decodeOffsetMetadata, encodeOffsetMetadata } from '../../../runtime/commit/offset-metadata.ts'
import { marksOf, mergeNumbers } from '../../../runtime/task/task-marks.ts'

const ALL = new Map(
  [
    'replay.epoch',
    'replay.unfinished',
    'replay.rewound',
    'idle-ticks.time',
    'idle-ticks.position',
    'windows.closed',
    'agreed-time.value',
    'agreed-time.last',
    'agreed-time.device',
  ].map((mark) => [`$${mark}`, Number.MAX_SAFE_INTEGER] as const),
)

it("offset metadata with all possible marks is far smaller than the brokers' limit", () => {
  const numbers = marksOf(new Map([...ALL, ['windows.observed', 1]]))
  expect([...numbers]).toEqual([...ALL])
  const metadata = encodeOffsetMetadata({ partitionTime: Number.MAX_SAFE_INTEGER, numbers })
  expect(metadata).toHaveLength(349)
  expect(decodeOffsetMetadata(metadata)).toEqual({ partitionTime: Number.MAX_SAFE_INTEGER, numbers: ALL })
})

it('a task uses the greatest number of all its partitions', () => {
  const merged = mergeNumbers([new Map(), new Map([['$replay.epoch', 3]]), new Map([['$replay.epoch', 5]])])
  expect([...merged]).toEqual([['$replay.epoch', 5]])
})
