import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { connectKafka, type KafkaCluster } from '../../../infra/kafka/kafka.ts'
import type { LocalKafka } from '../../../infra/local-kafka/local-kafka.ts'
import type { FetchedPartition } from '../../../runtime/ports/log.ts'
import { CommitFailedError, CommitUnknownError } from '../../../state/ports/errors.ts'
import { NO_HEADERS } from '../../../state/ports/headers.ts'
import { uniqueName } from '../../support/kafka.ts'
import { readAll, text, write } from '../../support/kafka-log.ts'
import { API, type Fate, type KafkaProxy, type ProxiedRequest } from '../../support/kafka-proxy.ts'
import { startProxiedKafka } from '../../support/proxied-kafka.ts'
import { soloMember } from '../../support/solo-member.ts'

// A broker of our own that announces the proxy's address, so that all connections can be broken at will.
let broker: LocalKafka
let proxy: KafkaProxy
let kafka: KafkaCluster
let bootstrap: string

beforeAll(async () => {
  ;({ broker, proxy, bootstrap } = await startProxiedKafka({}))
  kafka = connectKafka({ brokers: [bootstrap], clientId: 'steady' })
})
afterEach(() => {
  proxy.judge = () => 'forward'
})
afterAll(async () => {
  await kafka?.close()
  await proxy?.close()
  await broker?.stop()
})

async function newTopic(): Promise<string> {
  const name = uniqueName('broken')
  await kafka.admin().createTopics([{ name, partitions: 1, config: {} }])
  return name
}

/** The first request of that kind and client meets this fate, all others are forwarded. */
function once(apiKey: number, clientId: string, fate: Fate): void {
  let met = false
  proxy.judge = (request: ProxiedRequest) => {
    if (met || request.apiKey !== apiKey || request.clientId !== clientId) return 'forward'
    met = true
    return fate
  }
}

async function transactionalWriter(clientId: string, transactionV2: 'auto' | 'never' = 'auto') {
  const transactionalId = uniqueName('tx')
  const writer = connectKafka({ brokers: [bootstrap], clientId }).writer({ transactionalId, transactionV2 })
  await writer.init()
  return writer
}

const rec = (topic: string, value: string) => ({ topic, partition: 0, key: null, value })

function outcome(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'done',
    (error: unknown) => error,
  )
}

async function valuesOf(topic: string, end: number): Promise<(string | null)[]> {
  const [records] = await readAll(kafka, topic, [end])
  return (records ?? []).map(({ value }) => text(value))
}

describe('a lost EndTxn', () => {
  it('that the broker never received leaves the commit unknown and is not sent again', async () => {
    const topic = await newTopic()
    const client = uniqueName('lost-request')
    const writer = await transactionalWriter(client)
    once(API.endTxn, client, 'lose-request')
    expect(await outcome(write(writer, [rec(topic, 'torn')]))).toBeInstanceOf(CommitUnknownError)
    expect(proxy.count(API.endTxn, client)).toBe(1)
    await writer.init()
    await write(writer, [rec(topic, 'next')])
    expect(await valuesOf(topic, 3)).toEqual(['next'])
    await writer.close()
  })

  it('whose answer was lost leaves the commit unknown and is not sent again', async () => {
    const topic = await newTopic()
    const client = uniqueName('lost-answer')
    const writer = await transactionalWriter(client)
    once(API.endTxn, client, 'lose-answer')
    expect(await outcome(write(writer, [rec(topic, 'committed')]))).toBeInstanceOf(CommitUnknownError)
    expect(proxy.count(API.endTxn, client)).toBe(1)
    await writer.init()
    await write(writer, [rec(topic, 'next')])
    expect(await valuesOf(topic, 3)).toEqual(['committed', 'next'])
    await writer.close()
  })
})

describe('a lost connection before EndTxn', () => {
  for (const [name, apiKey] of Object.entries({ Produce: API.produce, AddPartitionsToTxn: API.addPartitions })) {
    for (const fate of ['lose-request', 'lose-answer'] as const) {
      it(`${name}: ${fate} costs a retry and writes everything once`, async () => {
        const topic = await newTopic()
        const client = uniqueName('retry')
        // Only the older protocol has AddPartitionsToTxn.
        const writer = await transactionalWriter(client, apiKey === API.addPartitions ? 'never' : 'auto')
        once(apiKey, client, fate)
        await write(writer, [rec(topic, 'a'), rec(topic, 'b')])
        await write(writer, [rec(topic, 'c')])
        expect(await valuesOf(topic, 4)).toEqual(['a', 'b', 'c'])
        // AddPartitionsToTxn is also repeated while the transaction before is being completed.
        expect(proxy.count(apiKey, client)).toBeGreaterThanOrEqual(3)
        await writer.close()
      })
    }
  }

  it('at TxnOffsetCommit: the same offsets are sent again', async () => {
    const topic = await newTopic()
    const client = uniqueName('retry')
    const member = await soloMember(kafka, uniqueName('group'))
    const writer = await transactionalWriter(client)
    once(API.txnOffsetCommit, client, 'lose-answer')
    const offset = { topic, partition: 0, offset: 5, metadata: '' }
    await write(writer, [rec(topic, 'a')], [offset], member)
    expect(await kafka.admin().committedOffsets(member().groupId, [offset])).toEqual([offset])
    await writer.close()
  })
})

describe('without transactions', () => {
  it('a lost answer to Produce writes no record twice', async () => {
    const topic = await newTopic()
    const client = uniqueName('idempotent')
    const writer = connectKafka({ brokers: [bootstrap], clientId: client }).writer({ transactionalId: null })
    await writer.init()
    once(API.produce, client, 'lose-answer')
    expect(await write(writer, [rec(topic, 'a'), rec(topic, 'b')])).toEqual(new Map([[`${topic}:0`, 2]]))
    expect(proxy.count(API.produce, client)).toBe(2)
    expect(await valuesOf(topic, 2)).toEqual(['a', 'b'])
    await writer.close()
  })
})

describe('a broker that is killed and comes back', () => {
  it('costs readers and members nothing, and a writer at most the commit in flight', async () => {
    const topic = await newTopic()
    const events: string[] = []
    const membership = kafka.membership({
      groupId: uniqueName('group'),
      groupInstanceId: 'one',
      info: { processId: 'one', transactionalIds: [], threads: 1, applicationServer: null, topology: 't' },
      tasks: [{ taskId: '0_0', isStateful: false, partitions: [{ topic, partition: 0 }] }],
    })
    await membership.join({
      report: async () => ({ active: [], lags: {} }),
      onAssigned: async ({ active }) => void events.push(`assigned ${active}`),
      onLost: async (reason) => void events.push(`lost ${reason}`),
      onFatal: (error) => void events.push(`fatal ${error.message}`),
    })
    const reader = kafka.reader()
    reader.assign({ topic, partition: 0 }, 0)
    const read: (string | null)[] = []
    const readMore = async () => {
      const answers: readonly FetchedPartition[] = await reader.poll(100)
      read.push(...answers.flatMap(({ records }) => records.map((record) => text(record.value))))
    }
    const writer = await transactionalWriter('bounced')
    const committed: string[] = []
    // Commits until the test stops it; a failed commit is repeated after init(), and an unknown one is looked up by reading.
    let stopping = false
    const offset = (i: number) => [{ topic, partition: 0, offset: i, metadata: '' }]
    const group = () => membership.current()
    const writing = (async () => {
      for (let i = 1; !stopping; i++) {
        for (let attempt = 0; ; attempt++) {
          const value = `${i}.${attempt}`
          const result = await outcome(write(writer, [rec(topic, value)], offset(i), group))
          if (result === 'done') {
            committed.push(value)
            break
          }
          expect(result).toSatisfy((e) => e instanceof CommitFailedError || e instanceof CommitUnknownError)
          if (result instanceof CommitUnknownError) committed.push(`${value}?`)
          await writer.init()
        }
      }
    })()
    while (committed.length < 5) await readMore()
    await broker.kill()
    await broker.restart()
    const atRestart = committed.length
    while (committed.length < atRestart + 5) await readMore()
    stopping = true
    await writing
    while (!read.includes(committed.at(-1) as string)) await readMore()
    const certain = committed.filter((value) => !value.endsWith('?'))
    const maybe = new Set(committed.map((value) => value.replace('?', '')))
    expect(read.filter((value) => certain.includes(value as string))).toEqual(certain)
    expect(read.filter((value) => !maybe.has(value as string))).toEqual([])
    expect(new Set(read).size).toBe(read.length)
    expect(events).toEqual(['assigned 0_0'])
    expect(membership.current()).not.toBeNull()
    const groupId = membership.current()?.groupId ?? ''
    expect(await kafka.admin().committedOffsets(groupId, [{ topic, partition: 0 }])).toMatchObject([
      { offset: Number((committed.at(-1) as string).split('.')[0]) },
    ])
    await Promise.all([reader.close(), writer.close(), membership.leave()])
  })
})

it('right behind another transaction the offsets go before the records, which a broker would keep waiting', async () => {
  const topic = await newTopic()
  const member = await soloMember(kafka, uniqueName('group'))
  const client = uniqueName('client')
  const writer = await transactionalWriter(client)
  const commit = async (offset: number) => {
    const batch = writer.newBatch()
    batch.append(topic, 0, 'k', `v${offset}`, offset, NO_HEADERS)
    await writer.commit({ batch, offsets: [{ topic, partition: 0, offset, metadata: '' }], group: member })
  }
  await commit(1)
  const before = proxy.seen.length
  await commit(2)
  const sent = proxy.seen.slice(before).filter(({ clientId }) => clientId === client)
  const order = sent.map(({ apiKey }) => apiKey).filter((key, i, keys) => key !== keys[i - 1])
  expect(order).toEqual([API.txnOffsetCommit, API.produce, API.endTxn])
  await writer.close()
  expect(await valuesOf(topic, 4)).toEqual(['v1', 'v2'])
})
