import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { connectKafka, type KafkaCluster } from '../../../../infra/kafka/kafka.ts'
import type { KafkaAdmin } from '../../../../infra/kafka/kafka-admin.ts'
import { letterName } from '../../../../infra/streams/dead-letters/dead-letter.ts'
import { readLettersByTime } from '../../../../infra/streams/dead-letters/letters-by-time.ts'
import { type LetterSelection, NoSuchLetterError, redrive } from '../../../../infra/streams/dead-letters/redrive.ts'
import { marksTopic } from '../../../../infra/streams/dead-letters/redriven-marks.ts'
import type { LogRecord, LogWriter } from '../../../../runtime/ports/log.ts'
import { cutLetters, deadLetterHeaders } from '../../../../runtime/task/dead-letter.ts'
import { partitionForKey } from '../../../../runtime/task/partitioner.ts'
import { InvalidRecordError } from '../../../../state/ports/errors.ts'
import type { Header } from '../../../../state/ports/headers.ts'
import { kafkaForTests, uniqueName } from '../../../support/kafka.ts'
import { readAll } from '../../../support/kafka-log.ts'

let kafka: KafkaCluster
let admin: KafkaAdmin
let dlq: string
let source: string
let other: string

beforeEach(async () => {
  const { bootstrap } = await kafkaForTests()
  await kafka?.close()
  kafka = connectKafka({ brokers: [bootstrap], clientId: 'dlq-test' })
  admin = kafka.admin()
  ;[dlq, source, other] = [uniqueName('app.dlq'), uniqueName('a-source'), uniqueName('b-source')]
  await admin.createTopics([
    { name: dlq, partitions: 2, config: {} },
    { name: source, partitions: 4, config: {} },
    { name: other, partitions: 1, config: {} },
  ])
})

afterAll(() => kafka?.close())

interface Letter {
  readonly key: Buffer | null
  readonly value: string
  readonly from: { topic: string; partition: number; offset: number } | null
  readonly headers?: readonly Header[]
  /** It did not fit. */
  readonly isCut?: boolean
  readonly error?: Error
  /** In the dead letter topic. */
  readonly partition?: number
}

async function bury(letters: readonly Letter[]): Promise<void> {
  const writer = kafka.writer({ transactionalId: null })
  await writer.init()
  const batch = writer.newBatch()
  for (const [index, { key, value, from, headers = [], error = invalid, partition = 0, isCut }] of letters.entries()) {
    const raw: LogRecord = { offset: from?.offset ?? 0, timestamp: 0, key, value: Buffer.from(value), headers }
    const full = from === null ? headers : deadLetterHeaders(from, raw, error)
    const all = isCut ? [...cutLetters(raw, full, 1000)].flatMap((letter) => [...letter.headers]) : full
    batch.append(dlq, partition, key, value, 1000 + index, all)
  }
  await writer.commit({ batch, offsets: [], group: () => null })
}

const invalid = new InvalidRecordError('schema', 'data.finalFare must be >= 0')
const key = (text: string): Buffer => Buffer.from(text)
const newWriter = (): LogWriter => kafka.writer({ transactionalId: `${dlq}.redrive` })
const run = (select: LetterSelection, dryRun = false, writer = newWriter()) =>
  redrive({ admin, reader: () => kafka.reader(), writer, topic: dlq, select, dryRun })
const ALL = { all: {} }

async function records(topic: string): Promise<LogRecord[][]> {
  const count = (await admin.describeTopics([topic])).get(topic)?.partitions ?? 0
  const ends = await admin.highWatermarks(Array.from({ length: count }, (_, partition) => ({ topic, partition })))
  return readAll(kafka, topic, ends)
}

const valuesOf = (log: readonly LogRecord[]): string[] => log.map(({ value }) => String(value))

describe('redrive', () => {
  it("sends key, value and the record's own headers back by key, without error headers, and marks their origin", async () => {
    const headers = [
      { key: 'correlation-id', value: Buffer.from('c-1') },
      { key: 'redriven-from', value: Buffer.from('an earlier round') },
      { key: 'empty', value: null },
    ]
    await bury([{ key: key('t-1'), value: 'not json', from: { topic: source, partition: 3, offset: 9 }, headers }])
    const target = partitionForKey(key('t-1'), 4)
    expect(await run(ALL)).toEqual([
      { letter: '0:0', source: `${source}-3@9`, key: 't-1', target: `${source}-${target}`, result: 'redriven' },
    ])
    const sent = (await records(source))[target]?.[0]
    expect([String(sent?.key), String(sent?.value), sent?.timestamp]).toEqual(['t-1', 'not json', 1000])
    expect([...(sent?.headers ?? [])].map((header) => [header.key, header.value?.toString() ?? null])).toEqual([
      ['correlation-id', 'c-1'],
      ['empty', null],
      ['redriven-from', `${dlq}-0@0`],
    ])
  })

  it('keeps the order of the original offsets per key, whatever the order of the dead letters', async () => {
    const letter = (value: string, offset: number): Letter => {
      return { key: key('t-1'), value, from: { topic: source, partition: 1, offset } }
    }
    await bury([letter('third', 30), letter('first', 4), letter('second', 11)])
    await run(ALL)
    expect(valuesOf((await records(source)).flat())).toEqual(['first', 'second', 'third'])
  })

  it('sends a null key to the partition it came from', async () => {
    await bury([{ key: null, value: 'v', from: { topic: source, partition: 2, offset: 0 } }])
    expect(await run(ALL)).toMatchObject([{ key: null, target: `${source}-2`, result: 'redriven' }])
    expect((await records(source)).map(valuesOf)).toEqual([[], [], ['v'], []])
  })

  it('sends a record of a repartition topic to the partition it came from, as its partitioner may be any', async () => {
    const internal = `${uniqueName('app-by-zone')}-repartition`
    await admin.createTopics([{ name: internal, partitions: 4, config: {} }])
    const partition = (partitionForKey(key('t-1'), 4) + 1) % 4
    await bury([{ key: key('t-1'), value: 'v', from: { topic: internal, partition, offset: 0 } }])
    expect(await run(ALL)).toMatchObject([{ target: `${internal}-${partition}`, result: 'redriven' }])
    expect((await records(internal)).map(valuesOf)[partition]).toEqual(['v'])
  })

  it('sends nothing twice when it runs again, and continues with later letters', async () => {
    await bury([{ key: key('a'), value: '1', from: { topic: source, partition: 0, offset: 0 } }])
    await run({ names: ['0:0'] })
    expect(await run({ names: ['0:0'] })).toMatchObject([{ result: 'already-redriven' }])
    await bury([{ key: key('a'), value: '2', from: { topic: source, partition: 0, offset: 5 } }])
    expect((await run(ALL)).map(({ result }) => result)).toEqual(['already-redriven', 'redriven'])
    expect(valuesOf((await records(source)).flat())).toEqual(['1', '2'])
  })

  it('skips a truncated letter, because it is not the whole record', async () => {
    await bury([{ key: key('t-1'), value: 'the begin', from: { topic: source, partition: 1, offset: 7 }, isCut: true }])
    expect(await run(ALL)).toMatchObject([{ source: `${source}-1@7`, target: null, result: 'cut' }])
    expect((await records(source)).flat()).toEqual([])
  })

  it('sends each letter once when two redrives run at the same time', async () => {
    const letters = Array.from({ length: 2500 }, (_, offset) => ({
      key: key(`k-${offset % 7}`),
      value: String(offset),
      from: { topic: other, partition: 0, offset },
    }))
    await bury(letters)
    const ends = await Promise.allSettled([run(ALL), run(ALL), run(ALL)])
    // Whoever came first is fenced by the next; the last one gets through.
    const codes = ends.map((end) => (end.status === 'rejected' ? (end.reason as { code?: string }).code : 'done'))
    expect(codes.filter((code) => code !== 'done' && code !== 'FENCED')).toEqual([])
    expect(codes).toContain('done')
    await run(ALL)
    const sent = valuesOf((await records(other)).flat())
    expect(sent.map(Number).sort((a, b) => a - b)).toEqual(letters.map((_, offset) => offset))
    expect((await records(marksTopic(dlq))).flat()).toHaveLength(letters.length)
  })

  it('marks one record only: another letter from the same place is still sent', async () => {
    await bury([{ key: key('a'), value: '1', from: { topic: source, partition: 0, offset: 0 } }])
    await run(ALL)
    await admin.deleteTopics([dlq])
    await expect.poll(async () => (await admin.describeTopics([dlq])).size).toBe(0)
    await admin.createTopics([{ name: dlq, partitions: 2, config: {} }])
    await bury([{ key: key('a'), value: 'new', from: { topic: source, partition: 0, offset: 7 } }])
    expect(await run(ALL)).toMatchObject([{ letter: '0:0', result: 'redriven' }])
  })

  it('lists what it would send with dryRun, and sends nothing', async () => {
    await bury([{ key: key('a'), value: '1', from: { topic: source, partition: 0, offset: 0 } }])
    expect(await run(ALL, true)).toMatchObject([{ letter: '0:0', result: 'would-redrive' }])
    expect((await records(source)).flat()).toEqual([])
    expect((await admin.describeTopics([marksTopic(dlq)])).size).toBe(0)
  })

  it('selects by topic and reason, and skips letters without a source', async () => {
    const broken = new InvalidRecordError('json', 'value is not JSON: Unexpected token')
    await bury([
      { key: key('a'), value: '1', from: { topic: source, partition: 0, offset: 0 } },
      { key: key('a'), value: '2', from: { topic: source, partition: 0, offset: 1 }, error: broken },
      { key: key('a'), value: '3', from: { topic: other, partition: 0, offset: 0 }, error: broken },
      { key: key('a'), value: '4', from: null },
      { key: key('a'), value: '5', from: { topic: uniqueName('gone'), partition: 0, offset: 0 } },
    ])
    expect(await run({ all: { topic: source, reason: 'not json' } })).toMatchObject([{ letter: '0:1' }])
    const rest = await run(ALL)
    expect(Object.fromEntries(rest.map(({ letter, result }) => [letter, result]))).toEqual({
      '0:0': 'redriven',
      '0:1': 'already-redriven',
      '0:2': 'redriven',
      '0:3': 'unknown-source',
      '0:4': 'unknown-source',
    })
  })

  it('sends nothing when one of the names is wrong', async () => {
    await bury([{ key: key('a'), value: '1', from: { topic: source, partition: 0, offset: 0 } }])
    await expect(run({ names: ['0:0', '1:3', '7:0'] })).rejects.toThrow(NoSuchLetterError)
    await expect(run({ names: ['0:0', '1:3', '7:0'] })).rejects.toThrow(`no dead letter 1:3, 7:0 in ${dlq}`)
    expect((await records(source)).flat()).toEqual([])
  })
})

it('dead letters are read in order of their time over any number of partitions', async () => {
  const from = { topic: source, partition: 0, offset: 0 }
  const count = 2800
  await bury(Array.from({ length: count }, (_, i) => ({ key: key('a'), value: String(i), from, partition: i % 2 })))
  const letters: string[] = []
  await readLettersByTime({ admin, reader: kafka.reader(), topic: dlq }, (letter) => letters.push(letterName(letter)))
  expect(letters).toEqual(Array.from({ length: count }, (_, i) => `${i % 2}:${Math.floor(i / 2)}`))
})
