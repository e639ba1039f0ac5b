import { crc32 } from 'node:zlib'
import { expect, it } from 'vitest'
import { KeyPlacement } from '../../../runtime/task/key-placement.ts'
import { ThreadMetrics } from '../../../runtime/thread/thread-metrics.ts'
import { partitionForKey, StreamsBuilder, stringSerde } from '../../../topology/index.ts'
import type { Plan, SourceNode } from '../../../topology/plan.ts'
import { MemoryApp } from '../../support/memory-app.ts'

const PARTITIONS = 3
const byCrc32 = (key: string) => crc32(key) % PARTITIONS
const byFnv1a = (key: string) => {
  let hash = 2_166_136_261n
  for (const byte of Buffer.from(key)) hash = ((hash ^ BigInt(byte)) * 16_777_619n) % 2n ** 32n
  const signed = Number(BigInt.asIntN(32, hash))
  return Math.abs(signed % PARTITIONS)
}

function planThat(checksPartitions: boolean): Plan {
  const builder = new StreamsBuilder()
  const serdes = { keySerde: stringSerde, valueSerde: stringSerde }
  builder.stream<string, string>('in', { ...serdes, checksPartitions }).to('out', serdes)
  return builder.build().build({ applicationId: 'app' })
}

function appThat(checksPartitions: boolean): MemoryApp {
  const plan = planThat(checksPartitions)
  return new MemoryApp({ plan, topics: { in: PARTITIONS, out: PARTITIONS } })
}

function feed(app: MemoryApp, keys: readonly string[], place: (key: string) => number): void {
  for (const key of keys) {
    const record = { key: Buffer.from(key), value: Buffer.from('x'), timestamp: 1, headers: [] }
    app.cluster.append({ topic: 'in', partition: place(key) }, [record])
  }
}

const keys = (prefix: string) => Array.from({ length: 200 }, (_, i) => `${prefix}-${i}`)

async function drained(app: MemoryApp): Promise<void> {
  for (let partition = 0; partition < PARTITIONS; partition++) await app.drained('in', partition)
}

it.each([
  ['crc32, the default of librdkafka (consistent_random)', byCrc32],
  ['fnv1a, the default of sarama', byFnv1a],
  ['unknown', (key: string) => (key.length * 7 + Number(key.slice(5))) % PARTITIONS],
])('keys placed by another partitioner are reported once and counted: %s', async (likely, place) => {
  const app = appThat(true)
  feed(app, keys('trip'), place)
  await app.start()
  await drained(app)
  expect(app.misplaced).toEqual([
    { topic: 'in', partition: expect.any(Number), offset: expect.any(Number), partitions: PARTITIONS, likely },
  ])
  const [first] = app.misplaced
  const fault = app.cluster.log({ topic: 'in', partition: first?.partition ?? 0 })
  expect(fault.highWatermark).toBeGreaterThan(first?.offset ?? 0)
  expect(await app.metric('misplaced_keys_total')).toBeGreaterThan(0)
  feed(app, keys('more'), place)
  await drained(app)
  expect(app.misplaced).toHaveLength(1)
  await app.instance.close()
})

it('a single misplaced key is reported and counted', async () => {
  const app = appThat(true)
  await app.start()
  feed(app, keys('trip'), (key) => partitionForKey(key, PARTITIONS))
  await drained(app)
  expect(app.misplaced).toEqual([])
  feed(app, ['one'], (key) => (partitionForKey(key, PARTITIONS) + 1) % PARTITIONS)
  await drained(app)
  expect(app.misplaced.map(({ likely }) => likely)).toEqual(['unknown'])
  expect(await app.metric('misplaced_keys_total')).toBe(1)
  await app.instance.close()
})

it('a source that did not ask for the check is not checked', async () => {
  const app = appThat(false)
  feed(app, keys('trip'), byCrc32)
  await app.start()
  await drained(app)
  expect(app.misplaced).toEqual([])
  await app.instance.close()
})

it('the check takes the first record of a fetch and every 64th after it, so that small fetches cost no more', () => {
  const source = planThat(true).subtopologies[0]?.nodes.find((node): node is SourceNode => node.type === 'source')
  if (source === undefined) throw new Error('no source')
  const partition = 1 - partitionForKey('trip', 2)
  const key = Buffer.from('trip')
  const seen = [1, 8, 64, 65, 1000].map((count) => {
    const metrics = new ThreadMetrics()
    const placement = new KeyPlacement({ partitions: new Map([['in', 2]]), metrics, onEvent: () => {} })
    const records = Array.from({ length: count }, (_, offset) => ({
      offset,
      timestamp: 1,
      key,
      value: key,
      headers: [],
    }))
    placement.check(source, {
      topic: 'in',
      partition,
      from: 0,
      records,
      bytes: count,
      position: count,
      endOffset: count,
    })
    return metrics.misplacedKeys.total
  })
  expect(seen).toEqual([1, 1, 1, 2, 16])
})
