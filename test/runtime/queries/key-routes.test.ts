import { expect, it } from 'vitest'
import { keyRoute } from '../../../runtime/queries/key-routes.ts'
import { partitionForKey } from '../../../runtime/task/partitioner.ts'
import { StreamsConfigError } from '../../../state/ports/errors.ts'
import { keyValueStore, serdes, timeWindowedSerde, timeWindows } from '../../../topology/index.ts'
import type { StreamPartitioner } from '../../../topology/plan.ts'
import { StreamsBuilder } from '../../../topology/streams-builder.ts'

const TEXT = { keySerde: serdes.string, valueSerde: serdes.string }
const PARTITIONS = 5
const byLength: StreamPartitioner = (_topic, key, _value, count) => String(key).length % count

/** Where the plan of the builder has the keys of a store. */
function routeOf(builder: StreamsBuilder, store: string, counts: Readonly<Record<string, number>> = {}) {
  const plan = builder.build().build({ applicationId: 'app' })
  for (const subtopology of plan.subtopologies) {
    const found = subtopology.stores.find(({ spec }) => spec.name === store)
    if (found) return keyRoute(plan, subtopology, found.spec, (topic) => counts[topic] ?? PARTITIONS)
  }
  throw new Error(`no store ${store}`)
}

it("a key's partition follows from murmur2 of the source topic's key bytes, unless a partitioner is given", () => {
  const builder = new StreamsBuilder()
  builder.table('plain', { ...TEXT, materialized: { name: 'plain' } })
  builder.table('told', { ...TEXT, partitioner: byLength, materialized: { name: 'told' } })
  builder.table<number, string>('wide', {
    keySerde: serdes.int32,
    valueSerde: serdes.string,
    materialized: { name: 'wide', keySerde: serdes.int64 },
  })
  expect(routeOf(builder, 'plain').partitionOf('some key')).toBe(partitionForKey('some key', PARTITIONS))
  expect(routeOf(builder, 'plain').partitionOf('some key', byLength)).toBe(3)
  expect(routeOf(builder, 'told').partitionOf('some key')).toBe(3)
  expect(routeOf(builder, 'told').partitionOf('some key', () => 1)).toBe(1)
})

it('a key written by a sink with a partitioner is found by other parts of the application', () => {
  const builder = new StreamsBuilder()
  builder.stream<string, string>('in', TEXT).to('through', { ...TEXT, partitioner: byLength })
  builder.table('through', { ...TEXT, materialized: { name: 'through' } })
  const windows = builder
    .stream<string, string>('in2', TEXT)
    .groupByKey()
    .windowedBy(timeWindows({ sizeMs: 10 }))
    .count()
  const windowed = timeWindowedSerde(serdes.string, 10)
  windows.toStream().to('windows', { keySerde: windowed, valueSerde: serdes.int64 })
  builder.table('windows', { keySerde: windowed, valueSerde: serdes.int64, materialized: { name: 'windows' } })
  expect(routeOf(builder, 'through').partitionOf('some key')).toBe(3)
  const key = { key: 'some key', window: { start: 10, end: 20 } }
  expect(routeOf(builder, 'windows').partitionOf(key)).toBe(partitionForKey('some key', PARTITIONS))
})

it('the result of a foreign-key join is in the partition of the left table', () => {
  const builder = new StreamsBuilder()
  const left = builder.table<string, string>('left', { ...TEXT, partitioner: byLength })
  const right = builder.table<string, string>('right', TEXT)
  left.joinOnForeignKey(right, {
    foreignKeyExtractor: (value) => value,
    joiner: (one, other) => one + other,
    materialized: { name: 'joined', ...TEXT },
  })
  expect(routeOf(builder, 'joined').partitionOf('some key')).toBe(3)
})

it('a topic with fewer partitions than its neighbours fills only that many tasks', () => {
  const builder = new StreamsBuilder()
  const store = keyValueStore({ name: 'seen', ...TEXT })
  builder.addStateStore(store)
  const remember = () => ({ process() {} })
  builder.stream<string, string>('few', TEXT).process(remember, { stores: ['seen'] })
  builder.stream<string, string>('many', TEXT).process(remember, { stores: ['seen'] })
  const route = routeOf(builder, 'seen', { few: 2, many: 6 })
  expect(route.partitionOf('some key')).toBe(partitionForKey('some key', 2))
})

it('a partitioner that needs the value, and one that leaves the partitions, give a clear error', () => {
  const builder = new StreamsBuilder()
  const byValue: StreamPartitioner = (_topic, _key, value) => (value as string).length
  builder
    .stream<string, string>('in', TEXT)
    .repartition({ name: 'spread', ...TEXT, partitioner: byValue })
    .groupByKey()
    .count({ materialized: { name: 'counts' } })
  const route = routeOf(builder, 'counts')
  expect(() => route.partitionOf('a')).toThrow(StreamsConfigError)
  expect(() => route.partitionOf('a')).toThrow('app-spread-repartition cannot tell by the key alone')
  expect(route.partitionOf('a', () => 4)).toBe(4)
  expect(() => route.partitionOf('a', () => 5)).toThrow('chose partition 5 of app-spread-repartition, which has 5')
})
