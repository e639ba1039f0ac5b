import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectKafka, type KafkaCluster } from '../../../infra/kafka/kafka.ts'
import type { KafkaReader, KafkaReaderOptions } from '../../../infra/kafka/kafka-reader.ts'
import type { FetchedPartition } from '../../../runtime/ports/log.ts'
import { OffsetOutOfRangeError } from '../../../state/ports/errors.ts'
import { kafkaForTests, uniqueName } from '../../support/kafka.ts'
import { abort, readAll, type TestRecord, text, write } from '../../support/kafka-log.ts'
import { leaveOpenTransaction } from '../../support/open-transaction.ts'
import { Random } from '../../support/random.ts'

let kafka: KafkaCluster

beforeAll(async () => {
  const { bootstrap } = await kafkaForTests()
  kafka = connectKafka({ brokers: [bootstrap], clientId: 'reader-test' })
})
afterAll(() => kafka.close())

async function newTopic(partitions: number, config: Record<string, string> = {}): Promise<string> {
  const name = uniqueName('reader')
  await kafka.admin().createTopics([{ name, partitions, config }])
  return name
}

function partitionsOf(topic: string, count: number) {
  return Array.from({ length: count }, (_, partition) => ({ topic, partition }))
}

async function transactionalWriter(id = uniqueName('tx')) {
  const writer = kafka.writer({ transactionalId: id })
  await writer.init()
  return writer
}

function values(topic: string, partition: number, ...list: string[]): TestRecord[] {
  return list.map((value) => ({ topic, partition, key: null, value }))
}

/** Polls until the position of the one assigned partition has reached `end`. */
async function readTo(reader: KafkaReader, end: number): Promise<FetchedPartition[]> {
  const answers: FetchedPartition[] = []
  while ((answers.at(-1)?.position ?? 0) < end) answers.push(...(await reader.poll(1000)))
  return answers
}

const CAPS: [string, KafkaReaderOptions][] = [
  ['1 byte', { fetchMaxBytes: 1, partitionMaxBytes: 1 }],
  ['200 bytes', { fetchMaxBytes: 200, partitionMaxBytes: 200 }],
  ['200 bytes per partition', { partitionMaxBytes: 200 }],
  ['5 kB', { fetchMaxBytes: 5000, partitionMaxBytes: 5000 }],
  ['50 MB', { fetchMaxBytes: 50_000_000, partitionMaxBytes: 50_000_000 }],
]

describe('KafkaReader', () => {
  it('returns exactly the committed records in offset order, at any fetch limits', async () => {
    const random = new Random(20261123)
    const topic = await newTopic(3)
    const committed: string[][] = [[], [], []]
    // Three producers at the same time, so that their transactions lie interleaved; some abort, some twice in a row.
    const expected = new Map<string, { partition: number; offset: number }>()
    await Promise.all(
      ['a', 'b', 'c'].map(async (name) => {
        const writer = await transactionalWriter()
        for (let i = 0; i < 25; i++) {
          const records = Array.from({ length: 1 + random.below(12) }, (_, n) => {
            const value = `${name}-${i}-${n}-${'x'.repeat(random.below(300))}`
            return { topic, partition: random.below(3), key: name, value }
          })
          if (random.chance(0.4)) {
            await abort(writer, records)
            continue
          }
          const ends = await write(writer, records)
          for (const partition of [0, 1, 2]) {
            const own = records.filter((record) => record.partition === partition)
            const base = (ends.get(`${topic}:${partition}`) ?? 0) - own.length
            for (const [n, { value }] of own.entries()) expected.set(value, { partition, offset: base + n })
          }
        }
        await writer.close()
      }),
    )
    const inOrder = [...expected].sort(([, a], [, b]) => a.partition - b.partition || a.offset - b.offset)
    for (const [value, { partition }] of inOrder) committed[partition]?.push(value)

    const ends = await kafka.admin().highWatermarks(partitionsOf(topic, 3))
    for (const [cap, options] of CAPS) {
      const read = await readAll(kafka, topic, ends, options)
      expect(
        read.map((records) => records.map(({ value }) => text(value))),
        cap,
      ).toEqual(committed)
      for (const [partition, records] of read.entries()) {
        expect(records.map(({ offset }) => offset)).toEqual(
          inOrder.filter(([, at]) => at.partition === partition).map(([, { offset }]) => offset),
        )
      }
    }
  })

  it('hides two aborted transactions of one producer in one answer', async () => {
    const topic = await newTopic(1)
    const writer = await transactionalWriter()
    await abort(writer, values(topic, 0, 'aborted 1'))
    await abort(writer, values(topic, 0, 'aborted 2'))
    await write(writer, values(topic, 0, 'committed'))
    const end = 6
    await readAll(kafka, topic, [end]) // all markers are there
    const reader = kafka.reader()
    reader.assign({ topic, partition: 0 }, 0)
    const answers = await readTo(reader, end)
    expect(answers.map(({ records }) => records.map(({ value }) => text(value)))).toEqual([['committed']])
    await reader.close()

    const [uncommitted] = await readAll(kafka, topic, [end], { isolation: 'read_uncommitted' })
    expect(uncommitted?.map(({ value }) => text(value))).toEqual(['aborted 1', 'aborted 2', 'committed'])
  })

  it('hides aborted records whose marker lies beyond the answer', async () => {
    const topic = await newTopic(1)
    // Batches of one record: an aborted transaction is then spread over many answers.
    const writer = kafka.writer({ transactionalId: uniqueName('tx'), maxBatchBytes: 100 })
    await writer.init()
    const long = (name: string) => values(topic, 0, ...Array.from({ length: 5 }, (_, i) => `${name} ${i}`))
    await abort(writer, long('aborted'))
    await write(writer, long('committed'))
    const [end = 0] = await kafka.admin().highWatermarks([{ topic, partition: 0 }])
    const reader = kafka.reader({ partitionMaxBytes: 1 })
    reader.assign({ topic, partition: 0 }, 0)
    const answers = await readTo(reader, end)
    expect(answers.length).toBeGreaterThan(10)
    expect(answers.flatMap(({ records }) => records.map(({ value }) => text(value)))).toEqual(
      long('committed').map(({ value }) => value),
    )
    await reader.close()
  })

  it('starts in the middle of a batch, and skips to the end of aborted data that holds no other records', async () => {
    const topic = await newTopic(1)
    const writer = await transactionalWriter()
    await write(writer, values(topic, 0, 'a', 'b', 'c', 'd'))
    await readAll(kafka, topic, [5])
    const reader = kafka.reader()
    reader.assign({ topic, partition: 0 }, 2)
    const [first] = await readTo(reader, 5)
    expect(first).toMatchObject({ from: 2, position: 5, endOffset: 5 })
    expect(first?.records.map(({ offset, value }) => [offset, text(value)])).toEqual([
      [2, 'c'],
      [3, 'd'],
    ])
    await abort(writer, values(topic, 0, 'x'))
    const after = await readTo(reader, 7)
    expect(after.flatMap(({ records }) => records)).toEqual([])
    expect(after.at(-1)).toMatchObject({ position: 7, endOffset: 7 })
    await reader.close()
  })

  it('does not return records of an open transaction, and reports the last stable offset as the end', async () => {
    const topic = await newTopic(1)
    await write(await transactionalWriter(), values(topic, 0, 'before'))
    await readAll(kafka, topic, [2])
    // An open transaction, as a crashed instance leaves it: written, never ended.
    const { bootstrap } = await kafkaForTests()
    const open = uniqueName('open')
    await leaveOpenTransaction(bootstrap, open, topic, ['pending'])
    const reader = kafka.reader()
    reader.assign({ topic, partition: 0 }, 0)
    const [answer] = await reader.poll(5000)
    expect(answer).toMatchObject({ position: 2, endOffset: 2 })
    expect(await kafka.admin().highWatermarks([{ topic, partition: 0 }])).toEqual([3])
    await kafka.fence([open])
    expect(await readTo(reader, 4)).toMatchObject([{ records: [], position: 4, endOffset: 4 }])
    await reader.close()
  })

  it('throws OffsetOutOfRangeError once for a position outside the log, and continues with the other partitions', async () => {
    const topic = await newTopic(2)
    const writer = await transactionalWriter()
    await write(writer, [...values(topic, 0, 'a', 'b', 'c'), ...values(topic, 1, 'other')])
    const admin = kafka.admin()
    await admin.deleteRecords([{ topic, partition: 0, offset: 2 }])
    expect(await admin.earliestOffsets(partitionsOf(topic, 2))).toEqual([2, 0])
    const reader = kafka.reader()
    reader.assign({ topic, partition: 0 }, 1)
    const failure = await reader.poll(5000).then(
      () => null,
      (error: unknown) => error,
    )
    expect(failure).toBeInstanceOf(OffsetOutOfRangeError)
    expect(failure).toMatchObject({ topic, partition: 0, code: 'OFFSET_OUT_OF_RANGE' })
    reader.assign({ topic, partition: 1 }, 0)
    expect((await readTo(reader, 2)).flatMap(({ records }) => records.map(({ value }) => text(value)))).toEqual([
      'other',
    ])
    reader.assign({ topic, partition: 0 }, 2)
    expect((await readTo(reader, 4)).flatMap(({ records }) => records.map(({ value }) => text(value)))).toEqual(['c'])
    await reader.close()
  })

  it('keeps the records of paused partitions, drops those fetched for an old position, and serves the rest at once', async () => {
    const topic = await newTopic(2)
    const writer = await transactionalWriter()
    await write(writer, [...values(topic, 0, 'a', 'b'), ...values(topic, 1, 'c')])
    await readAll(kafka, topic, [3, 2])
    const reader = kafka.reader({ maxWaitMs: 20_000 })
    reader.assign({ topic, partition: 0 }, 0)
    expect((await readTo(reader, 3)).length).toBe(1)
    // A long poll of 20 s is on its way now; partition 1 must not wait for it.
    const started = performance.now()
    reader.assign({ topic, partition: 1 }, 0)
    expect(await readTo(reader, 2)).toMatchObject([{ partition: 1, from: 0, position: 2 }])
    reader.assign({ topic, partition: 0 }, 1)
    const [again] = await readTo(reader, 3)
    expect(again?.records.map(({ offset, value }) => [offset, text(value)])).toEqual([[1, 'b']])
    expect(performance.now() - started).toBeLessThan(10_000)

    reader.pause({ topic, partition: 0 })
    await write(writer, [...values(topic, 0, 'while paused'), ...values(topic, 1, 'd')])
    const whilePaused = await readTo(reader, 4)
    expect(whilePaused.every(({ partition }) => partition === 1)).toBe(true)
    reader.resume({ topic, partition: 0 })
    expect((await readTo(reader, 5)).flatMap(({ records }) => records.map(({ value }) => text(value)))).toEqual([
      'while paused',
    ])
    await reader.close()
  })

  it('answers an empty poll after the requested time, and at once when it closes', async () => {
    const topic = await newTopic(1)
    const reader = kafka.reader()
    reader.assign({ topic, partition: 0 }, 0)
    expect(await reader.poll(5000)).toMatchObject([{ records: [], position: 0, endOffset: 0 }])
    const started = performance.now()
    expect(await reader.poll(50)).toEqual([])
    expect(performance.now() - started).toBeGreaterThanOrEqual(45)
    const waiting = reader.poll(60_000)
    await reader.close()
    expect(await waiting).toEqual([])
  })

  it("returns the broker's time for records of a LogAppendTime topic", async () => {
    const topic = await newTopic(1, { 'message.timestamp.type': 'LogAppendTime' })
    const before = Date.now()
    await write(await transactionalWriter(), [{ topic, partition: 0, key: 'k', value: 'v', timestamp: 1000 }])
    const [records] = await readAll(kafka, topic, [2])
    expect(records?.[0]?.timestamp).toBeGreaterThanOrEqual(before - 1000)
  })
})
