import { describe, expect, it } from 'vitest'
import { memoryBackends } from '../../../state/backends/memory.ts'
import {
  type KeyValueStore,
  keyValueStore,
  type Plan,
  type ProcessorContext,
  StreamsBuilder,
  type StreamsBuilderOptions,
  serdes,
  Topology,
} from '../../../topology/index.ts'
import { MemoryApp } from '../../support/memory-app.ts'

const TEXT = { keySerde: serdes.string, valueSerde: serdes.string }
const ALL: StreamsBuilderOptions = { topologyOptimization: 'all' }
const topics = { rates: 1, orders: 1, priced: 1 }

/** Orders joined with the rate of their currency. */
function plan(options: StreamsBuilderOptions = ALL): Plan {
  const builder = new StreamsBuilder(options)
  const rates = builder.table('rates', { ...TEXT, materialized: { name: 'rates-store' } })
  builder
    .stream('orders', TEXT)
    .joinTable(rates, { joiner: (order, rate) => `${order}@${rate}` })
    .to('priced', TEXT)
  return builder.build().build({ applicationId: 'app' })
}

/** Rates and orders of a running application, all processed. */
async function priced(
  app: MemoryApp,
  records: ReadonlyArray<readonly [topic: string, key: string, value: string | null]>,
) {
  for (const [topic, key, value] of records) {
    app.produce(topic, key, value)
    await app.drained(topic)
  }
}

async function running(app: MemoryApp, restart = false): Promise<void> {
  if (restart) await app.restart()
  else await app.start()
  await app.time.until('running', () => app.instance.state() === 'RUNNING')
}

async function rate(app: MemoryApp, key: string): Promise<unknown> {
  const { result } = await app.instance.get<{ value: string }>('rates-store', key)
  return result?.value ?? null
}

describe('a table that is restored from its source topic', () => {
  it('has no changelog, and without the optimisation it has one', () => {
    expect(plan().internalTopics).toEqual([])
    expect(plan({}).internalTopics.map(({ name }) => name)).toEqual(['app-rates-store-changelog'])
  })

  it('comes back after the loss of the disk, deletes included', async () => {
    const app = new MemoryApp({ plan: plan(), topics })
    await running(app)
    await priced(app, [
      ['rates', 'usd', '1.1'],
      ['rates', 'chf', '0.9'],
      ['orders', 'usd', 'a'],
      ['rates', 'usd', '1.2'],
      ['rates', 'chf', null],
    ])
    app.disk = memoryBackends({ durable: true })
    await running(app, true)
    expect([await rate(app, 'usd'), await rate(app, 'chf')]).toEqual(['1.2', null])
    await priced(app, [
      ['orders', 'usd', 'b'],
      ['orders', 'chf', 'c'],
    ])
    expect(app.lines('priced')).toEqual(['usd=a@1.1', 'usd=b@1.2'])
    await app.instance.close()
  })

  it('ends its restore at the committed offset: what comes after is processed, not restored', async () => {
    const app = new MemoryApp({ plan: plan(), topics })
    await running(app)
    await priced(app, [['rates', 'usd', '1.1']])
    await app.instance.close()
    app.produce('orders', 'usd', 'early', { timestamp: 5 })
    app.produce('rates', 'usd', '9.9', { timestamp: 10 })
    app.disk = memoryBackends({ durable: true })
    await running(app)
    for (const topic of ['orders', 'rates']) await app.drained(topic)
    expect(app.lines('priced')).toEqual(['usd=early@1.1'])
    expect(await rate(app, 'usd')).toBe('9.9')
    await app.instance.close()
  })

  it('keeps its disk, and reads on from where it was', async () => {
    const app = new MemoryApp({ plan: plan(), topics })
    await running(app)
    await priced(app, [
      ['rates', 'usd', '1.1'],
      ['rates', 'chf', '0.9'],
    ])
    const before = await app.metric('restore_records_total')
    await running(app, true)
    expect([await rate(app, 'usd'), await rate(app, 'chf')]).toEqual(['1.1', '0.9'])
    expect(await app.metric('restore_records_total')).toBe(before)
    await app.instance.close()
  })

  it('leaves out what the source would not process, as the running application does', async () => {
    const builder = new StreamsBuilder(ALL)
    builder.table('rates', {
      keySerde: serdes.string,
      valueSerde: serdes.json<{ rate: number }>(),
      materialized: { name: 'rates-store' },
    })
    const numbers = builder.build().build({ applicationId: 'app' })
    const app = new MemoryApp({ plan: numbers, topics, config: { deserializationExceptionHandler: 'continue' } })
    await running(app)
    await priced(app, [
      ['rates', 'usd', '{"rate":1}'],
      ['rates', 'usd', 'no json'],
      ['rates', 'chf', '{"rate":2}'],
    ])
    const inStore = async () => [await rate(app, 'usd'), await rate(app, 'chf')]
    const before = await inStore()
    app.disk = memoryBackends({ durable: true })
    await running(app, true)
    expect(await inStore()).toEqual(before)
    expect(before).toEqual([{ rate: 1 }, { rate: 2 }])
    await app.instance.close()
  })

  it('keeps a changelog when the table has another form than its topic, and none when it asked for none', () => {
    const internal = (materialized: object) => {
      const builder = new StreamsBuilder(ALL)
      builder.table('rates', { ...TEXT, materialized: { name: 'rates-store', ...materialized } })
      const { internalTopics, subtopologies } = builder.build().build({ applicationId: 'app' })
      return [internalTopics.map(({ name }) => name), subtopologies[0]?.stores.map(({ sourceTopic }) => sourceTopic)]
    }
    expect(internal({ historyRetentionMs: 1000 })).toEqual([['app-rates-store-changelog'], [undefined]])
    expect(internal({ logging: false })).toEqual([[], [undefined]])
    expect(internal({})).toEqual([[], ['rates']])
  })
})

describe('a read-only state store', () => {
  function readOnly(): Plan {
    const rates = keyValueStore({ name: 'rates-store', ...TEXT, timestamped: true, logging: false })
    const topology = new Topology()
    topology.addReadOnlyStateStore({
      store: rates,
      topic: 'rates',
      sourceName: 'rates-source',
      processorName: 'rates-writer',
      ...TEXT,
      supplier: () => {
        let store!: KeyValueStore<string, { value: string; timestamp: number }>
        return {
          init: (context: ProcessorContext) => {
            store = context.store('rates-store')
          },
          process: ({ key, value, timestamp }) => {
            if (value === null) store.delete(key)
            else store.put(key, { value, timestamp })
          },
        }
      },
    })
    return topology.build({ applicationId: 'app' })
  }

  it('is filled from its topic, restored from it, and has no changelog', async () => {
    const app = new MemoryApp({ plan: readOnly(), topics })
    expect(readOnly().internalTopics).toEqual([])
    await running(app)
    await priced(app, [
      ['rates', 'usd', '1.1'],
      ['rates', 'chf', '0.9'],
      ['rates', 'chf', null],
    ])
    app.disk = memoryBackends({ durable: true })
    await running(app, true)
    expect([await rate(app, 'usd'), await rate(app, 'chf')]).toEqual(['1.1', null])
    await app.instance.close()
  })

  it('must be read by key, from a topic that has a source', () => {
    const topology = new Topology()
    topology.addSource({ name: 'source', topics: 'rates', ...TEXT })
    topology.addStateStore(keyValueStore({ name: 'rates-store', ...TEXT, keptNumbers: ['n'] }))
    expect(() => topology.restoreFromSource('rates-store', 'others')).toThrow('no source reads topic others')
    expect(() => topology.restoreFromSource('rates-store', 'rates')).toThrow(
      'store rates-store cannot be restored from topic rates: it keeps more than rows by key',
    )
    topology.addStateStore(keyValueStore({ name: 'in-parts', ...TEXT, changelogParts: true }))
    expect(() => topology.restoreFromSource('in-parts', 'rates')).toThrow('it keeps more than rows by key')
    expect(() => topology.restoreFromSource('others', 'rates')).toThrow('store others is not added yet')
    for (const name of ['first', 'second']) topology.addStateStore(keyValueStore({ name, ...TEXT }))
    topology.restoreFromSource('first', 'rates').restoreFromSource('first', 'rates')
    expect(() => topology.restoreFromSource('second', 'rates')).toThrow(
      'store first is already restored from topic rates',
    )
  })
})
