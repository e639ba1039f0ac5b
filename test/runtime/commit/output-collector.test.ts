import { describe, expect, it } from 'vitest'
import type { Epoch } from '../../../runtime/commit/epoch.ts'
import { Epochs } from '../../../runtime/commit/epochs.ts'
import { OutputCollector } from '../../../runtime/commit/output-collector.ts'
import { MemoryBatch } from '../../../runtime/memory/memory-batch.ts'
import type { LogRecord } from '../../../runtime/ports/log.ts'
import { deadLetterHeaders, deadLetterReason } from '../../../runtime/task/dead-letter.ts'
import { partitionForKey } from '../../../runtime/task/partitioner.ts'
import {
  InvalidRecordError,
  ProductionError,
  StreamsTopologyError,
  UserCodeError,
} from '../../../state/ports/errors.ts'
import type { Serde } from '../../../state/ports/serde.ts'
import type { SinkNode } from '../../../topology/plan.ts'
import { record } from '../../../topology/record.ts'
import { jsonSerde, stringSerde } from '../../../topology/serdes.ts'

function collector(counts: Record<string, number>) {
  const partitions = new Map(Object.entries(counts))
  const epochs = new Epochs(() => new MemoryBatch())
  return { epochs, collector: new OutputCollector(epochs, partitions) }
}

const sink = (topic: SinkNode['topic'], more: Partial<SinkNode> = {}): SinkNode => ({
  type: 'sink',
  name: 'sink',
  parents: [],
  topic,
  keySerde: stringSerde as Serde<unknown>,
  valueSerde: stringSerde as Serde<unknown>,
  ...more,
})

/** topic-partition:value of everything in the epoch, in order per partition. */
function contents({ batch }: Epoch): string[] {
  return [...(batch as MemoryBatch).partitions].flatMap(({ topic, partition, records }) =>
    records.map(({ value }) => `${topic}-${partition}:${value}`),
  )
}

describe('an epoch', () => {
  it('holds everything sent since the previous one ended', () => {
    const { epochs, collector: out } = collector({ t: 1 })
    out.send(sink('t'), record('k', 'one', 0))
    const first = epochs.next()
    out.send(sink('t'), record('k', 'two', 0))
    expect([contents(first), contents(epochs.next()), epochs.live.hasOutput]).toEqual([['t-0:one'], ['t-0:two'], false])
    out.send(sink('t'), record('k', 'three', 0))
    epochs.next()
    expect([epochs.live.hasOutput, epochs.live.bytes]).toEqual([false, 0])
  })

  it('keeps each value as it was when it was sent, even if its owner changes it later', () => {
    const { epochs, collector: out } = collector({ t: 1, u: 1 })
    const value = { a: 1 }
    out.send(sink('t', { valueSerde: jsonSerde() }), record('k', value, 0))
    value.a = 2
    out.send(sink('u', { valueSerde: jsonSerde() }), record('k', value, 0))
    expect(contents(epochs.next())).toEqual(['t-0:{"a":1}', 'u-0:{"a":2}'])
  })
})

describe('the partition', () => {
  it('may be several, each with the same record, or none, also when the count is known later', async () => {
    const { epochs, collector: out } = collector({ t: 3 })
    const all = { partitioner: (_topic: string, _key: unknown, _value: unknown, count: number) => [0, count - 1] }
    out.send(sink('t', all), record('k', 'a', 0))
    out.send(sink('t', { partitioner: () => [] }), record('k', 'b', 0))
    out.send(sink('u', all), record('k', 'c', 0))
    const epoch = epochs.next()
    await out.resolveDeferred(epoch, async () => new Map([['u', { partitions: 2 }]]))
    expect(contents(epoch)).toEqual(['t-0:a', 't-2:a', 'u-0:c', 'u-1:c'])
    for (const wrong of [[0, 3], [-1], ['0'], [undefined]])
      expect(() => out.send(sink('t', { partitioner: () => wrong as number[] }), record('k', 'd', 0))).toThrow(
        UserCodeError,
      )
  })

  it('follows from the key, from round robin without a key, or from the partitioner', () => {
    const { epochs, collector: out } = collector({ t: 3 })
    out.send(sink('t'), record('some key', 'a', 0))
    for (const value of ['b', 'c', 'd', 'e']) out.send(sink('t'), record(null, value, 0))
    out.send(sink('t', { partitioner: () => 2 }), record('some key', 'f', 0))
    const expected = [`t-${partitionForKey('some key', 3)}:a`, 't-0:b', 't-1:c', 't-2:d', 't-0:e', 't-2:f']
    expect(contents(epochs.next()).sort()).toEqual(expected.sort())
  })

  it.each([-1, 3, 0.5, Number.NaN])('%s is refused when a partitioner chooses it', (partition) => {
    const { collector: out } = collector({ t: 3 })
    const send = (): void => out.send(sink('t', { partitioner: () => partition }), record('k', 'v', 0))
    expect(send).toThrow(UserCodeError)
  })
})

describe('an unknown topic', () => {
  const dynamic = sink(() => 'new')

  it('is looked up at the commit; its records keep their order and partitioner', async () => {
    const { epochs, collector: out } = collector({})
    const bySize = sink(() => 'new', { partitioner: (_topic, _key, value) => String(value).length })
    out.send(bySize, record('k', 'a', 0))
    expect(epochs.live.bytes).toBeGreaterThan(0)
    const first = epochs.next()
    // The next epoch begins before the first is resolved.
    out.send(bySize, record('k', 'b', 0))
    await out.resolveDeferred(first, async () => new Map([['new', { partitions: 4 }]]))
    out.send(bySize, record('k', 'c', 0))
    const second = epochs.next()
    await out.resolveDeferred(second, async () => new Map([['new', { partitions: 4 }]]))
    expect([contents(first), contents(second)]).toEqual([['new-1:a'], ['new-1:b', 'new-1:c']])
    expect([...second.recordsByTopic.entries()]).toEqual([['new', 2]])
  })

  it('that does not exist fails the commit', async () => {
    const { epochs, collector: out } = collector({})
    out.send(dynamic, record('k', 'a', 0))
    await expect(out.resolveDeferred(epochs.next(), async () => new Map())).rejects.toThrow(
      new ProductionError('new', 'output topic new does not exist'),
    )
  })
})

describe('a dead letter', () => {
  const raw = (headers: LogRecord['headers'] = []): LogRecord => ({
    offset: 7,
    timestamp: 1,
    key: Buffer.from('k'),
    value: Buffer.from('v'),
    headers,
  })
  const text = (headers: Iterable<{ key: string; value: Buffer | null }>): Record<string, string> =>
    Object.fromEntries([...headers].map(({ key, value }) => [key, String(value)]))

  it('holds the original record, its source and the reason', () => {
    const { epochs, collector: out } = collector({ dlq: 3 })
    out.deadLetter('dlq', { topic: 'in', partition: 5 }, raw(), new InvalidRecordError('schema', 'fare is negative'))
    const epoch = epochs.next()
    expect(contents(epoch)).toEqual([`dlq-${partitionForKey('k', 3)}:v`])
    expect([...epoch.deadLetters.entries()]).toEqual([['in\u0000schema', 1]])
  })

  it('has bounded headers, whatever was thrown', () => {
    const error = new Error('x'.repeat(1_000_000))
    error.stack = 'y'.repeat(1_000_000)
    const size = [...deadLetterHeaders({ topic: 'in', partition: 0 }, raw(), error)].reduce(
      (sum, { key, value }) => sum + key.length + (value?.length ?? 0),
      0,
    )
    expect(size).toBeLessThan(4096)
  })

  it('is bounded in bytes, not in characters', () => {
    const error = new Error('€'.repeat(1000))
    error.stack = '🚕'.repeat(1000)
    const headers = text(deadLetterHeaders({ topic: 'in', partition: 0 }, raw(), error))
    const size = Object.values(headers).reduce((sum, value) => sum + Buffer.byteLength(value), 0)
    expect(size).toBeLessThan(4096)
    expect(headers['__streams.errors.message']).not.toContain('\ufffd')
    expect(headers['__streams.errors.stacktrace']).not.toContain('\ufffd')
  })

  it('that was redriven and failed again keeps its own headers and has the latest error', () => {
    const first = deadLetterHeaders(
      { topic: 'in', partition: 0 },
      raw([{ key: 'mine', value: Buffer.from('1') }]),
      new Error('first'),
    )
    const second = deadLetterHeaders({ topic: 'in', partition: 1 }, raw(first), new TypeError('second'))
    expect(text(second)).toMatchObject({
      mine: '1',
      '__streams.errors.reason': 'exception',
      '__streams.errors.exception': 'TypeError',
      '__streams.errors.message': 'second',
      '__streams.errors.topic': 'in',
      '__streams.errors.partition': '1',
      '__streams.errors.offset': '7',
    })
    expect([...second].filter(({ key }) => key.startsWith('__streams.errors.'))).toHaveLength(7)
  })

  it.each([
    [new InvalidRecordError('json', 'not JSON'), 'json'],
    [new StreamsTopologyError('x'), 'topology'],
    [new RangeError('x'), 'exception'],
    ['just text', 'exception'],
  ])('has a short reason: %s', (error, reason) => {
    expect(deadLetterReason(error)).toBe(reason)
    const headers = text(deadLetterHeaders({ topic: 'in', partition: 0 }, raw(), error))
    expect(headers['__streams.errors.reason']).toBe(reason)
    expect(headers['__streams.errors.message']).toContain(error instanceof Error ? error.message : 'just text')
  })
})
