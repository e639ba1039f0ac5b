import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectKafka, type KafkaCluster } from '../../../infra/kafka/kafka.ts'
import type { CommittedOffset, GroupMetadata, LogWriter } from '../../../runtime/ports/log.ts'
import { CommitFailedError, CommitUnknownError, FencedError } from '../../../state/ports/errors.ts'
import { NO_HEADERS } from '../../../state/ports/headers.ts'
import { kafkaForTests, uniqueName } from '../../support/kafka.ts'
import { readAll, stranger, text, write } from '../../support/kafka-log.ts'
import { leaveOpenTransaction } from '../../support/open-transaction.ts'
import { soloMember } from '../../support/solo-member.ts'

let kafka: KafkaCluster
let bootstrap: string

beforeAll(async () => {
  bootstrap = (await kafkaForTests()).bootstrap
  kafka = connectKafka({ brokers: [bootstrap], clientId: 'writer-test' })
})
afterAll(() => kafka.close())

async function newTopic(partitions = 1): Promise<string> {
  const name = uniqueName('writer')
  await kafka.admin().createTopics([{ name, partitions, config: {} }])
  return name
}

async function newWriter(transactionalId = uniqueName('tx'), transactionTimeoutMs = 30_000): Promise<LogWriter> {
  const writer = kafka.writer({ transactionalId, transactionTimeoutMs })
  await writer.init()
  return writer
}

const rec = (topic: string, value: string, partition = 0) => ({ topic, partition, key: value, value })
const off = (topic: string, partition: number, offset: number): CommittedOffset => {
  return { topic, partition, offset, metadata: `at ${offset}` }
}

async function valuesOf(topic: string, end: number): Promise<(string | null)[]> {
  const [records] = await readAll(kafka, topic, [end])
  return (records ?? []).map(({ value }) => text(value))
}

function outcome(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'done',
    (error: unknown) => error,
  )
}

it('the admin lists what an open transaction holds back, with its producer', async () => {
  const topic = await newTopic()
  const writer = await newWriter()
  await write(writer, [rec(topic, 'before')])
  const open = await leaveOpenTransaction(bootstrap, uniqueName('hanging'), topic, ['held', 'held'])
  const reader = kafka.reader()
  reader.assign({ topic, partition: 0 }, 0)
  const held = async (): Promise<number | undefined> => (await reader.poll(500)).at(-1)?.heldBack
  await expect.poll(held, { timeout: 10_000 }).toBe(2)
  const admin = kafka.admin()
  expect(await admin.openTransactions([{ topic, partition: 0 }])).toEqual([
    {
      topic,
      partition: 0,
      producerId: expect.stringMatching(/^\d+$/),
      producerEpoch: expect.any(Number),
      startOffset: 2,
      lastWriteAt: expect.any(Number),
    },
  ])
  await open.commit()
  await expect.poll(held, { timeout: 10_000 }).toBe(0)
  expect(await admin.openTransactions([{ topic, partition: 0 }])).toEqual([])
  await Promise.all([reader.close(), writer.close()])
})

describe('TransactionalWriter', () => {
  it('commits records and the offsets of many partitions together', async () => {
    const topic = await newTopic(12)
    const member = await soloMember(kafka, uniqueName('group'))
    const writer = await newWriter()
    const offsets = Array.from({ length: 12 }, (_, p) => off(topic, p, 100 + p))
    const records = Array.from({ length: 12 }, (_, p) => rec(topic, `v${p}`, p))
    const ends = await write(writer, records, offsets, member)
    expect([...ends].sort()).toEqual(records.map(({ partition }) => [`${topic}:${partition}`, 1]).sort())
    const committed = await kafka.admin().committedOffsets(member().groupId, offsets)
    expect([...committed].sort((a, b) => a.partition - b.partition)).toEqual(offsets)
    expect((await readAll(kafka, topic, Array(12).fill(1))).map(([record]) => text(record?.value ?? null))).toEqual(
      records.map(({ value }) => value),
    )
  })

  it('commits offsets without records, and does nothing for an empty commit', async () => {
    const topic = await newTopic()
    const member = await soloMember(kafka, uniqueName('group'))
    const writer = await newWriter()
    await write(writer, [], [off(topic, 0, 7)], member)
    expect(await kafka.admin().committedOffsets(member().groupId, [{ topic, partition: 0 }])).toEqual([
      off(topic, 0, 7),
    ])
    expect(await write(writer, [])).toEqual(new Map())
  })

  it('splits a partition over several batches and keeps order and sequence across transactions', async () => {
    const topic = await newTopic()
    const writer = kafka.writer({ transactionalId: uniqueName('tx'), maxBatchBytes: 500 })
    await writer.init()
    const values = Array.from({ length: 60 }, (_, i) => `${i}-${'x'.repeat(50)}`)
    expect(
      await write(
        writer,
        values.slice(0, 40).map((value) => rec(topic, value)),
      ),
    ).toEqual(new Map([[`${topic}:0`, 40]]))
    expect(
      await write(
        writer,
        values.slice(40).map((value) => rec(topic, value)),
      ),
    ).toEqual(new Map([[`${topic}:0`, 61]]))
    expect(await valuesOf(topic, 61)).toEqual(values)
  })

  it('aborts the transaction when the offsets are refused, and needs init() before the next commit', async () => {
    const topic = await newTopic()
    const writer = await newWriter()
    const failed = await outcome(write(writer, [rec(topic, 'never')], [off(topic, 0, 1)], stranger()))
    expect(failed).toBeInstanceOf(CommitFailedError)
    expect(await outcome(write(writer, [rec(topic, 'too early')]))).toBeInstanceOf(CommitFailedError)
    await writer.init()
    await write(writer, [rec(topic, 'seen')])
    expect(await valuesOf(topic, 3)).toEqual(['seen'])
  })

  it('sends nothing when the member has lost its tasks', async () => {
    const topic = await newTopic()
    const writer = await newWriter()
    expect(await outcome(write(writer, [rec(topic, 'never')], [off(topic, 0, 1)], () => null))).toBeInstanceOf(
      CommitFailedError,
    )
    expect(await kafka.admin().highWatermarks([{ topic, partition: 0 }])).toEqual([0])
  })

  it('sends the offsets again in the same transaction when the generation has moved on', async () => {
    const topic = await newTopic()
    const member = await soloMember(kafka, uniqueName('group'))
    const writer = await newWriter()
    let asked = 0
    const moved = (): GroupMetadata => {
      const now = member()
      return asked++ < 2 ? { ...now, generation: now.generation - 1 } : now
    }
    await write(writer, [rec(topic, 'v')], [off(topic, 0, 9)], moved)
    expect(asked).toBe(3)
    expect(await kafka.admin().committedOffsets(member().groupId, [{ topic, partition: 0 }])).toEqual([
      off(topic, 0, 9),
    ])
    expect(await valuesOf(topic, 1)).toEqual(['v'])
  })

  it('aborts when the generation has moved on and the member has no part in the new one', async () => {
    const topic = await newTopic()
    const member = await soloMember(kafka, uniqueName('group'))
    const writer = await newWriter()
    let asked = 0
    const lost = (): GroupMetadata | null => (asked++ < 2 ? { ...member(), generation: 0 } : null)
    expect(await outcome(write(writer, [rec(topic, 'v')], [off(topic, 0, 9)], lost))).toBeInstanceOf(CommitFailedError)
    expect(await kafka.admin().committedOffsets(member().groupId, [{ topic, partition: 0 }])).toEqual([])
    expect(await valuesOf(topic, 2)).toEqual([])
  })

  it('is not fenced by its own earlier session, and fences the older session of its transactional id', async () => {
    const topic = await newTopic()
    const id = uniqueName('tx')
    for (let restart = 0; restart < 3; restart++) {
      const writer = await newWriter(id)
      await write(writer, [rec(topic, `restart ${restart}`)])
      await writer.close()
    }
    const older = await newWriter(id)
    await write(older, [rec(topic, 'older')])
    const newer = await newWriter(id)
    expect(await outcome(write(older, [rec(topic, 'zombie')]))).toBeInstanceOf(FencedError)
    await write(newer, [rec(topic, 'newer')])
    expect(await valuesOf(topic, 9)).toEqual(['restart 0', 'restart 1', 'restart 2', 'older', 'newer'])
  })

  it('aborts the open transaction of a dead session at init(), so that readers continue at once', async () => {
    const topic = await newTopic()
    const id = uniqueName('tx')
    await leaveOpenTransaction(bootstrap, id, topic, ['torn'])
    const writer = await newWriter(id)
    await write(writer, [rec(topic, 'after')])
    expect(await valuesOf(topic, 3)).toEqual(['after'])
  })

  it('reports an abort, not a fencing, when the coordinator timed the transaction out', async () => {
    const topic = await newTopic()
    const id = uniqueName('tx')
    const member = await soloMember(kafka, uniqueName('group'))
    const writer = await newWriter(id, 1000)
    // The offsets are refused until the transaction has been open for longer than it may be, which its marker shows.
    let generation: number | undefined = -10
    const slow = (): GroupMetadata => ({ ...member(), ...(generation && { generation: generation-- }) })
    const writing = outcome(write(writer, [rec(topic, 'late')], [off(topic, 0, 1)], slow))
    await expect.poll(() => kafka.admin().highWatermarks([{ topic, partition: 0 }])).toEqual([2])
    generation = undefined
    expect(await writing).toBeInstanceOf(CommitFailedError)
    await writer.init()
    await write(writer, [rec(topic, 'next')])
    expect(await valuesOf(topic, 3)).toEqual(['next'])
  })

  it('fences by transactional id: it aborts the open transaction of another producer at once', async () => {
    const topic = await newTopic()
    const ids = [uniqueName('tx'), uniqueName('tx')]
    for (const id of ids) await leaveOpenTransaction(bootstrap, id, topic, [`open ${id}`])
    const open = async () => (await kafka.transactionsInProgress()).filter((id) => ids.includes(id))
    expect(await open()).toEqual([...ids].sort())
    await kafka.fence(ids)
    expect(await open()).toEqual([])
    expect(await valuesOf(topic, 4)).toEqual([])
  })

  it('does not wait a second while the previous transaction is being completed', async () => {
    const topic = await newTopic(6)
    const writer = await newWriter()
    const durations: number[] = []
    for (let i = 0; i < 100; i++) {
      const started = performance.now()
      await write(writer, [rec(topic, 'v', i % 6)])
      durations.push(performance.now() - started)
    }
    durations.sort((a, b) => a - b)
    // Where CONCURRENT_TRANSACTIONS is retried after a second, each takes that second. Alone on the machine: about 4 ms.
    expect(durations[50]).toBeLessThan(500)
  })

  it.each([
    ['before it is sent', (topic: string) => [topic], 'RECORD_TOO_LARGE'],
    ['when the broker says so', () => [], 'PRODUCTION'],
  ])('refuses a record larger than its topic allows %s, and writes nothing', async (_when, topicsOf, code) => {
    const [topic, small] = [await newTopic(), uniqueName('small')]
    await kafka.admin().createTopics([{ name: small, partitions: 1, config: { 'max.message.bytes': '1000' } }])
    const writer = kafka.writer({ transactionalId: uniqueName('tx'), topics: topicsOf(small) })
    await writer.init()
    const fits = 'v'.repeat(900)
    await write(writer, [rec(small, 'before', 0), { ...rec(small, fits, 0), key: 'k' }])
    const refused = async () => write(writer, [rec(topic, 'never'), rec(small, 'v'.repeat(1000))])
    expect(await outcome(refused())).toMatchObject({ code, topic: small })
    await writer.init()
    await write(writer, [rec(topic, 'after'), rec(small, 'after')])
    // Behind an aborted record where the broker refused: its commit may not be visible yet.
    await expect.poll(() => valuesOf(topic, 1)).toEqual(['after'])
    expect(await valuesOf(small, 4)).toEqual(['before', fits, 'after'])
  })

  it('works without transaction.version 2 on demand, with the same results', async () => {
    const topic = await newTopic(2)
    const member = await soloMember(kafka, uniqueName('group'))
    const writer = kafka.writer({ transactionalId: uniqueName('tx'), transactionV2: 'never' })
    await writer.init()
    for (let i = 0; i < 5; i++) {
      await write(writer, [rec(topic, `a${i}`, 0), rec(topic, `b${i}`, 1)], [off(topic, 0, i + 1)], member)
    }
    const failed = await outcome(write(writer, [rec(topic, 'never')], [off(topic, 0, 99)], stranger()))
    expect(failed).toBeInstanceOf(CommitFailedError)
    await writer.init()
    await write(writer, [rec(topic, 'last')])
    expect(await valuesOf(topic, 13)).toEqual(['a0', 'a1', 'a2', 'a3', 'a4', 'last'])
    expect(await kafka.admin().committedOffsets(member().groupId, [{ topic, partition: 0 }])).toEqual([
      off(topic, 0, 5),
    ])
  })
})

describe('IdempotentWriter', () => {
  it('writes no changelog record before the outputs are acknowledged', async () => {
    const [missing, changelog] = [uniqueName('missing'), await newTopic()]
    const writer = kafka.writer({ transactionalId: null, deliveryTimeoutMs: 1000 })
    await writer.init()
    const commit = async (topics: readonly string[]) => {
      const batch = writer.newBatch()
      for (const topic of topics) batch.append(topic, 0, 'k', 'v', Date.now(), NO_HEADERS)
      return writer.commit({ batch, offsets: [], group: () => null, changelogs: new Set([changelog]) })
    }
    expect(await outcome(commit([changelog, missing]))).toBeInstanceOf(CommitUnknownError)
    await writer.init()
    expect(await commit([changelog])).toEqual(new Map([[`${changelog}:0`, 1]]))
  })

  it('writes records and then offsets, only for a member of the group', async () => {
    const topic = await newTopic()
    const member = await soloMember(kafka, uniqueName('group'))
    const writer = kafka.writer({ transactionalId: null, deliveryTimeoutMs: 1000 })
    await writer.init()
    expect(await write(writer, [rec(topic, 'a'), rec(topic, 'b')], [off(topic, 0, 3)], member)).toEqual(
      new Map([[`${topic}:0`, 2]]),
    )
    const failed = await outcome(
      write(writer, [rec(topic, 'c')], [off(topic, 0, 4)], () => ({ ...member(), generation: 99 })),
    )
    expect(failed).toMatchObject({ code: 'COMMIT_UNKNOWN' })
    await writer.init()
    await write(writer, [rec(topic, 'd')])
    expect(await valuesOf(topic, 4)).toEqual(['a', 'b', 'c', 'd'])
    expect(await kafka.admin().committedOffsets(member().groupId, [{ topic, partition: 0 }])).toEqual([
      off(topic, 0, 3),
    ])
  })
})
