import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FetchedPartition, LogRecord } from '../../../runtime/ports/log.ts'
import { type HeadFault, RecordQueue } from '../../../runtime/task/record-queue.ts'
import { InvalidRecordError } from '../../../state/ports/errors.ts'
import type { SourceNode } from '../../../topology/plan.ts'
import { stringSerde } from '../../../topology/serdes.ts'

const AT = { topic: 't', partition: 0 }
const source = (more: Partial<SourceNode> = {}): SourceNode => ({
  type: 'source',
  name: 's',
  topics: ['t'],
  children: [],
  keySerde: stringSerde,
  valueSerde: stringSerde,
  ...more,
})
const raw = (offset: number, value = `v${offset}`, timestamp = offset): LogRecord => ({
  offset,
  timestamp,
  key: null,
  value: Buffer.from(value),
  headers: [],
})
const fetched = (from: number, position: number, offsets: readonly number[], endOffset = 100): FetchedPartition => ({
  ...AT,
  from,
  position,
  endOffset,
  records: offsets.map((offset) => raw(offset)),
  bytes: offsets.length,
})

function queueAt(position: number, node: SourceNode = source()) {
  const faults: { readonly offset: number; readonly fault: HeadFault }[] = []
  const queue = new RecordQueue(node, { ...AT, position, partitionTime: -1 })
  const drain = (): number[] => {
    const offsets: number[] = []
    for (; queue.headRaw !== null; queue.pop()) {
      const { offset } = queue.headRaw
      if (queue.headFault === null) offsets.push(offset)
      else faults.push({ offset, fault: queue.headFault })
    }
    return offsets
  }
  return { queue, faults, drain }
}

it('an unreadable record is a fault, not a record with null key and value', () => {
  const failure = new InvalidRecordError('unreadable', 'too large')
  const { queue, faults, drain } = queueAt(0)
  queue.add({ ...fetched(0, 3, [0, 1, 2]), records: [raw(0), { ...raw(1), key: null, value: null, failure }, raw(2)] })
  expect(drain()).toEqual([0, 2])
  expect(faults).toEqual([{ offset: 1, fault: { type: 'invalid', error: failure } }])
})

describe('a queue', () => {
  it('accepts an answer that continues it; positions move past markers and aborted data', () => {
    const { queue, drain } = queueAt(10)
    queue.add(fetched(10, 14, [10, 12]))
    queue.add(fetched(14, 20, []))
    queue.add(fetched(20, 22, [21]))
    expect(queue.position()).toBe(10)
    expect(drain()).toEqual([10, 12, 21])
    expect(queue.position()).toBe(22)
  })

  it('ignores an answer that leaves a gap, or that it already has', () => {
    const { queue, drain } = queueAt(10)
    queue.add(fetched(15, 20, [15]))
    queue.add(fetched(5, 9, [5]))
    queue.add(fetched(10, 12, [10, 11]))
    expect(drain()).toEqual([10, 11])
  })

  it('takes only the new part of an overlapping answer, and continues after it', () => {
    const { queue, drain } = queueAt(10)
    // An answer to the assignment before came late; the reader begins again at 10.
    queue.add(fetched(10, 12, [10, 11]))
    queue.add(fetched(10, 15, [10, 11, 12, 14]))
    queue.add(fetched(15, 17, [15, 16]))
    expect(drain()).toEqual([10, 11, 12, 14, 15, 16])
  })

  it('takes each offset once and in order, however answers to old and new assignments overlap', () => {
    const answers = fc.array(fc.record({ from: fc.nat(30), length: fc.nat(8) }), { maxLength: 40 })
    fc.assert(
      fc.property(answers, (given) => {
        const { queue, drain } = queueAt(0)
        for (const { from, length } of given) {
          queue.add(
            fetched(
              from,
              from + length,
              Array.from({ length }, (_, i) => from + i),
            ),
          )
        }
        const position = (): number => queue.position()
        const taken = drain()
        expect(taken).toEqual(Array.from({ length: position() }, (_, i) => i))
      }),
      { seed: 7, numRuns: 300 },
    )
  })
})

describe('a record with a fault', () => {
  const no = new InvalidRecordError('schema', 'no')
  const check: SourceNode['check'] = ({ value }) => {
    if (String(value).startsWith('bad')) throw no
    return undefined
  }

  it('is returned in its place and never advances time', () => {
    const { queue, faults, drain } = queueAt(0, source({ check }))
    const records = [raw(0, 'bad', 900), raw(1, 'good', 5), raw(2, 'bad', 800), raw(3, 'bad', 700)]
    queue.add({ ...AT, from: 0, position: 4, endOffset: 4, records, bytes: 4 })
    expect([queue.position(), queue.head, queue.headTimestamp]).toEqual([0, null, Number.NEGATIVE_INFINITY])
    expect(drain()).toEqual([1])
    const fault: HeadFault = { type: 'invalid', error: no }
    expect(faults).toEqual([0, 2, 3].map((offset) => ({ offset, fault })))
    expect([queue.position(), queue.partitionTime, queue.isCaughtUp]).toEqual([4, 5, true])
  })

  it('is buffered until it is popped, one by one, and so are the records after it', () => {
    let checked = 0
    const counting: SourceNode['check'] = (record) => {
      checked++
      return check(record)
    }
    const { queue, drain } = queueAt(0, source({ check: counting }))
    const records = Array.from({ length: 1000 }, (_, offset) => raw(offset, 'bad'))
    queue.add({ ...AT, from: 0, position: 1000, endOffset: 1000, records, bytes: 150_000 })
    expect([checked, queue.bytes, queue.isEmpty, queue.isCaughtUp]).toEqual([1, 150_000, false, false])
    queue.pop()
    expect([checked, queue.bytes, queue.position(), queue.lag]).toEqual([2, 150_000, 1, 999])
    expect(drain()).toEqual([])
    expect([checked, queue.bytes, queue.isEmpty, queue.isCaughtUp]).toEqual([1000, 0, true, true])
  })

  it('is dropped and counted when its timestamp is negative', () => {
    const { queue, faults, drain } = queueAt(0, source({ timestampExtractor: ({ timestamp }) => timestamp - 2 }))
    queue.add(fetched(0, 3, [0, 1, 2]))
    expect(drain()).toEqual([2])
    const fault: HeadFault = { type: 'dropped', reason: 'negative-timestamp' }
    expect(faults).toEqual([0, 1].map((offset) => ({ offset, fault })))
  })
})

describe('the caught-up state', () => {
  it('is known only after an answer, and ends when there is more', () => {
    const { queue } = queueAt(0)
    expect(queue.isCaughtUp).toBe(false)
    queue.add(fetched(0, 0, [], 0))
    expect(queue.isCaughtUp).toBe(true)
    queue.add(fetched(0, 0, [], 5))
    expect(queue.isCaughtUp).toBe(false)
    expect(queue.lag).toBe(5)
  })
})
