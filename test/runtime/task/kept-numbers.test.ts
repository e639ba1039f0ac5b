import { expect, it } from 'vitest'
import { memoryBackends } from '../../../state/backends/memory.ts'
import { type KStream, StreamsBuilder, serdes, timeWindowedSerde, timeWindows } from '../../../topology/index.ts'
import type { Plan } from '../../../topology/plan.ts'
import { MemoryApp } from '../../support/memory-app.ts'

/*
 * Times that operators know must outlast restarts, lost disks and changed topologies: otherwise a closed window is sent twice.
 */

const TEXT = { keySerde: serdes.string, valueSerde: serdes.string }
const WINDOWS = timeWindows({ sizeMs: 10, graceMs: 0 })
const TOPICS = { a: 1, b: 1, c: 1, finals: 1 }

function countFinals(stream: KStream<string, string>, store: string): void {
  stream
    .groupByKey()
    .windowedBy(WINDOWS)
    .emitStrategy('on-window-close')
    .count({ materialized: { name: store } })
    .toStream()
    .map((key, count) => [`${key.key}@${key.window.start}`, String(count)])
    .to('finals', TEXT)
}

function finals(topics: readonly string[], applicationId = 'app'): Plan {
  const builder = new StreamsBuilder()
  countFinals(builder.stream<string, string>(topics, TEXT), 'windows')
  return builder.build().build({ applicationId })
}

/** The window from 0 is counted and closed. */
async function closedWindow(): Promise<MemoryApp> {
  const app = new MemoryApp({ plan: finals(['b']), topics: TOPICS })
  await app.start()
  app.produce('b', 'k', 'x', { timestamp: 1 })
  app.produce('b', 'k', 'x', { timestamp: 25 })
  await app.drained('b')
  expect(app.lines('finals')).toEqual(['k@0=1'])
  return app
}

async function expectStillClosed(app: MemoryApp): Promise<void> {
  app.produce('b', 'k', 'x', { timestamp: 5 })
  app.produce('b', 'k', 'x', { timestamp: 35 })
  await app.drained('b')
  expect(app.lines('finals')).toEqual(['k@0=1', 'k@20=1'])
  expect(await app.metric('dropped_records_total')).toBe(1)
  await app.instance.close()
}

it.each([
  ['the same topics', ['b']],
  ['one more source topic that sorts first', ['a', 'b']],
  ['one more source topic that sorts last', ['b', 'c']],
  ['topics in another order', ['c', 'b', 'a']],
])('a closed window stays closed after a restart with %s', async (_name, topics) => {
  const app = await closedWindow()
  await app.restart(finals(topics))
  await expectStillClosed(app)
})

it('a closed window stays closed when the disk is lost', async () => {
  const app = await closedWindow()
  app.disk = memoryBackends({ durable: true })
  await app.restart()
  await expectStillClosed(app)
})

it('a closed window stays closed when an operator before it moves the generated names', async () => {
  const app = await closedWindow()
  const builder = new StreamsBuilder()
  const stream = builder.stream<string, string>(['b'], TEXT).filter(() => true)
  countFinals(stream, 'windows')
  await app.restart(builder.build().build({ applicationId: 'app' }))
  await expectStillClosed(app)
})

it('a window stays closed that a version with times in the offsets had closed', async () => {
  const app = new MemoryApp({ plan: finals(['b']), topics: TOPICS })
  app.produce('b', 'k', 'x', { timestamp: 25 })
  app.cluster.setMember('app', 'before', 1)
  const metadata = '25 {"KSTREAM-AGGREGATE-0000000001.observed":25,"KSTREAM-AGGREGATE-0000000001.emitted":25}'
  const group = { groupId: 'app', memberId: 'before', generation: 1, groupInstanceId: null }
  app.cluster.offsetCommit(group, [{ topic: 'b', partition: 0, offset: 1, metadata }])
  await app.start()
  app.produce('b', 'k', 'x', { timestamp: 5 })
  await app.drained('b')
  await app.restart(finals(['a', 'b']))
  app.produce('b', 'k', 'x', { timestamp: 6 })
  app.produce('b', 'k', 'x', { timestamp: 35 })
  await app.drained('b')
  expect(app.lines('finals')).toEqual([])
  await app.instance.close()
})

it('an application with 40 named windows commits metadata of the same length as one with one window', async () => {
  const builder = new StreamsBuilder()
  const stream = builder.stream<string, string>('b', TEXT)
  for (let i = 0; i < 40; i++)
    stream
      .groupByKey()
      .windowedBy(WINDOWS)
      .count({ name: `requests-of-vehicle-type-${i}-by-minute`, materialized: { name: `vehicle-type-${i}-by-minute` } })
      .toStream()
      .to('finals', { keySerde: timeWindowedSerde(serdes.string, 10), valueSerde: serdes.int64 })
  const app = new MemoryApp({ plan: builder.build().build({ applicationId: 'app' }), topics: TOPICS })
  await app.start()
  app.produce('b', 'k', 'x', { timestamp: 1_700_000_000_000 })
  await app.drained('b')
  expect(app.recovered).toEqual([])
  expect(app.cluster.committedOffsets('app', [{ topic: 'b', partition: 0 }])).toEqual([
    { topic: 'b', partition: 0, offset: 1, metadata: '1700000000000' },
  ])
  await app.instance.close()
})

it('numbers that have not grown are not written again', async () => {
  const app = await closedWindow()
  const kept = (): number =>
    app.records('app-windows-changelog').filter(({ key }) => key?.includes('ride-streams-kept') === true).length
  expect(kept()).toBeGreaterThan(0)
  const before = kept()
  app.produce('b', 'k', 'x', { timestamp: 24 })
  await app.drained('b')
  expect(kept()).toBe(before)
  await app.instance.close()
})
