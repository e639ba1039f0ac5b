import { describe, expect, it } from 'vitest'
import type { Plan } from '../../../topology/plan.ts'
import { stringSerde } from '../../../topology/serdes.ts'
import { StreamsBuilder } from '../../../topology/streams-builder.ts'
import { MemoryApp } from '../../support/memory-app.ts'

const TOPICS = { orders: 2, prices: 3, out: 1 }
const serdes = { keySerde: stringSerde, valueSerde: stringSerde }

/** Orders joined with the price of their value, whichever partition either is in. */
function ordersWithPrices(): Plan {
  const builder = new StreamsBuilder()
  const prices = builder.globalTable('prices', { ...serdes, materialized: { name: 'price-list' } })
  builder
    .stream('orders', serdes)
    .joinGlobal(prices, {
      keySelector: (_key, article) => article,
      joiner: (article, price) => `${article} at ${price}`,
    })
    .to('out', serdes)
  return builder.build().build({ applicationId: 'app' })
}

describe('a global table', () => {
  it('is read in full before the first record is processed', async () => {
    const app = new MemoryApp({ plan: ordersWithPrices(), topics: TOPICS, threads: 2 })
    app.produce('orders', '1', 'tea', { partition: 0 })
    app.produce('orders', '2', 'milk', { partition: 1 })
    for (let i = 0; i < 3000; i++) app.produce('prices', `article-${i}`, '1', { partition: i % 3 })
    app.produce('prices', 'tea', '3', { partition: 0 })
    app.produce('prices', 'milk', '2', { partition: 2 })
    await app.start()
    await app.drained('orders', 0)
    await app.drained('orders', 1)
    expect(app.lines('out').sort()).toEqual(['1=tea at 3', '2=milk at 2'])
    // The topic is no source of a task: no offsets, no changelog, no dead letters.
    expect(app.committed('prices', 0)).toBeNull()
    expect(app.cluster.topicNames.filter((name) => name.includes('changelog'))).toEqual([])
    await app.instance.close()
    expect(await app.instance.stopped).toBeNull()
  })

  it('answers in an instance without tasks, too, and is followed there', async () => {
    const app = new MemoryApp({ plan: ordersWithPrices(), topics: TOPICS })
    app.produce('prices', 'tea', '3', { partition: 1 })
    await app.start()
    await app.time.until('running', () => app.instance.state() === 'RUNNING')
    await app.membership.rebalance({ active: [] })
    await app.time.until('running', () => app.instance.state() === 'RUNNING')
    expect(await app.instance.tasks()).toEqual([])
    expect((await app.instance.get('price-list', 'tea')).result).toMatchObject({ value: '3' })
    app.produce('prices', 'tea', '4', { partition: 1 })
    await app.time.pass(1000)
    expect((await app.instance.get('price-list', 'tea')).result).toMatchObject({ value: '4' })
    await app.membership.rebalance({ active: ['1_0'] })
    app.produce('orders', '1', 'tea')
    await app.drained('orders')
    expect(app.lines('out')).toEqual(['1=tea at 4'])
    await app.instance.close()
  })

  it('is all of a topology that has nothing else', async () => {
    const builder = new StreamsBuilder()
    builder.globalTable('prices', { ...serdes, materialized: { name: 'price-list' } })
    const app = new MemoryApp({ plan: builder.build().build({ applicationId: 'app' }), topics: { prices: 1 } })
    app.produce('prices', 'tea', '3')
    await app.start()
    await app.time.until('running', () => app.instance.state() === 'RUNNING')
    expect((await app.instance.get('price-list', 'tea')).result).toMatchObject({ value: '3' })
    await app.instance.close()
    expect(await app.instance.stopped).toBeNull()
  })

  it('reports changes of a row, over rebalances', async () => {
    const app = new MemoryApp({ plan: ordersWithPrices(), topics: TOPICS, threads: 2 })
    await app.start()
    await app.time.until('running', () => app.instance.state() === 'RUNNING')
    const told: (string | null)[] = []
    const watch = await app.instance.watch('price-list', 'tea', ({ result }) => told.push(result), { isPlain: true })
    expect(watch.first.result).toBeNull()
    app.produce('prices', 'tea', '3')
    await app.time.until('told', () => told.length === 1)
    await app.membership.rebalance({ active: ['1_0'] })
    app.produce('prices', 'tea', '4')
    await app.time.until('told again', () => told.length === 2)
    expect(told.map((text) => JSON.parse(text ?? ''))).toEqual([
      { key: 'tea', value: '3', timestamp: 0 },
      { key: 'tea', value: '4', timestamp: 0 },
    ])
    await app.instance.close()
    await watch.ended
  })

  it('is followed while the instance runs, also without input', async () => {
    const app = new MemoryApp({ plan: ordersWithPrices(), topics: TOPICS })
    await app.start()
    app.produce('prices', 'tea', '3', { partition: 1 })
    await app.time.pass(1000)
    expect(await app.instance.get('price-list', 'tea')).toMatchObject({ result: { value: '3' }, lag: 0 })
    app.produce('orders', '1', 'tea')
    await app.drained('orders')
    app.produce('prices', 'tea', null, { partition: 1 })
    await app.time.pass(1000)
    app.produce('orders', '2', 'tea')
    await app.drained('orders')
    expect(app.lines('out')).toEqual(['1=tea at 3'])
    const { result } = await app.instance.scan('price-list', { limit: 10 })
    expect(result).toEqual([])
    await app.instance.close()
  })

  it('shows committed records only', async () => {
    const app = new MemoryApp({ plan: ordersWithPrices(), topics: TOPICS })
    const session = app.cluster.initProducerId('other')
    const price = (value: string) => [{ key: Buffer.from('tea'), value: Buffer.from(value), timestamp: 0, headers: [] }]
    app.cluster.produce(session, { topic: 'prices', partition: 0 }, price('wrong'))
    app.cluster.endTxn(session, 'abort')
    app.cluster.produce(session, { topic: 'prices', partition: 0 }, price('3'))
    app.cluster.endTxn(session, 'commit')
    app.produce('orders', '1', 'tea')
    await app.start()
    await app.drained('orders')
    expect(app.lines('out')).toEqual(['1=tea at 3'])
    await app.instance.close()
  })

  it('survives the loss of tasks, and is read again when its topic has moved past it', async () => {
    const app = new MemoryApp({ plan: ordersWithPrices(), topics: { ...TOPICS, prices: 1 } })
    app.produce('prices', 'gone', '1')
    await app.start()
    await app.drained('orders')
    await app.instance.onLost('expelled')
    await app.membership.rebalance()
    // Both happen between two fetches.
    for (const price of ['4', '5']) app.produce('prices', 'tea', price)
    app.cluster.log({ topic: 'prices', partition: 0 }).deleteBelow(2)
    await app.time.pass(2000)
    app.produce('orders', '1', 'tea')
    app.produce('orders', '2', 'gone')
    await app.drained('orders')
    expect(app.lines('out')).toEqual(['1=tea at 5'])
    await app.instance.close()
    expect(await app.instance.stopped).toBeNull()
  })

  it('does not wait for a transaction that another producer has left open', async () => {
    const app = new MemoryApp({ plan: ordersWithPrices(), topics: TOPICS })
    const price = (value: string) => [{ key: Buffer.from('tea'), value: Buffer.from(value), timestamp: 0, headers: [] }]
    app.produce('prices', 'tea', '3')
    const session = app.cluster.initProducerId('other')
    app.cluster.produce(session, { topic: 'prices', partition: 0 }, price('4'))
    app.produce('prices', 'tea', '5')
    await app.start()
    app.produce('orders', '1', 'tea')
    await app.drained('orders')
    // Records after the open transaction are not stable.
    expect(app.lines('out')).toEqual(['1=tea at 3'])
    app.cluster.endTxn(session, 'abort')
    await app.time.pass(1000)
    app.produce('orders', '2', 'tea')
    await app.drained('orders')
    expect(app.lines('out')).toEqual(['1=tea at 3', '2=tea at 5'])
    await app.instance.close()
  })

  it('accepts rows without a timestamp', async () => {
    const app = new MemoryApp({ plan: ordersWithPrices(), topics: TOPICS })
    app.produce('prices', 'tea', '3', { timestamp: -1 })
    app.produce('orders', '1', 'tea')
    await app.start()
    await app.drained('orders')
    expect(app.lines('out')).toEqual(['1=tea at 3'])
    expect(await app.instance.get('price-list', 'tea')).toMatchObject({ result: { value: '3', timestamp: -1 } })
    expect(await app.metric('dropped_records_total')).toBe(0)
    await app.instance.close()
  })

  it('can be closed before it is read', async () => {
    const app = new MemoryApp({ plan: ordersWithPrices(), topics: TOPICS })
    app.produce('prices', 'tea', '3')
    app.beforePoll = () => app.time.sleep(Number.MAX_SAFE_INTEGER)
    await app.start()
    await app.time.pass(1000)
    expect(app.instance.state()).toBe('REBALANCING')
    const closed = app.instance.close()
    await app.time.pass(1000)
    await closed
    expect(await app.instance.stopped).toBeNull()
  })
})
