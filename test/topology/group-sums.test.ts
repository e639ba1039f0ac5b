import { expect, it } from 'vitest'
import { TopologyTestDriver } from '../../runtime/memory/test-driver.ts'
import { StreamsBuilder, type Sums, serdes, stringSerde, type Topology } from '../../topology/index.ts'
import { MemoryApp } from '../support/memory-app.ts'

interface Order {
  readonly shop: string | null
  readonly units: number
}

const orderSerde = serdes.json<Order>()
const numberSerde = serdes.json<number>()
const UNITS: Sums<number> = { none: () => 0, add: (sum, n) => sum + n, subtract: (sum, n) => sum - n }

/** Units of the latest order of each customer, by shop. */
function unitsByShop(sums?: Sums<number>): Topology {
  const builder = new StreamsBuilder()
  builder
    .table<string, Order>('orders', { keySerde: stringSerde, valueSerde: orderSerde })
    .groupBy<string, number>((_customer, { shop, units }) => (shop === null ? null : [shop, units]), {
      name: 'by-shop',
      keySerde: stringSerde,
      valueSerde: numberSerde,
      sums,
    })
    .aggregate<number>({
      initializer: () => 0,
      adder: (_shop, units, total) => total + units,
      subtractor: (_shop, units, total) => total - units,
      materialized: { name: 'units', keySerde: stringSerde, valueSerde: numberSerde },
    })
    .toStream()
    .to('units', { keySerde: stringSerde, valueSerde: numberSerde })
  return builder.build()
}

const orders: readonly (readonly [customer: string, order: Order | null, timestamp: number])[] = [
  ['ann', { shop: 'north', units: 5 }, 100],
  ['bob', { shop: 'north', units: 7 }, 300],
  ['cid', { shop: 'south', units: 1 }, 200],
  ['dee', { shop: null, units: 9 }, 200],
]

async function started(sums: Sums<number> | undefined): Promise<MemoryApp> {
  const app = new MemoryApp({
    plan: unitsByShop(sums).build({ applicationId: 'app' }),
    topics: { orders: 1, units: 1 },
    threads: 1,
    config: {},
  })
  append(app, orders)
  await app.start()
  await app.drained('orders', 0)
  await app.drained('app-by-shop-repartition', 0)
  return app
}

function append(app: MemoryApp, given: typeof orders): void {
  app.cluster.append(
    { topic: 'orders', partition: 0 },
    given.map(([customer, order, timestamp]) => ({
      key: Buffer.from(customer),
      value: order === null ? null : Buffer.from(JSON.stringify(order)),
      timestamp,
      headers: [],
    })),
  )
}

const rowsOf = (app: MemoryApp, topic: string) =>
  app.records(topic).map(({ key, value, timestamp }) => [String(key), String(value), timestamp])

it('with sums, what a group gets in one commit is one record with the greatest time', async () => {
  const app = await started(UNITS)
  expect(rowsOf(app, 'app-by-shop-repartition')).toEqual([
    ['north', '12\u0001', 300],
    ['south', '1\u0001', 200],
  ])
  expect(rowsOf(app, 'units')).toEqual([
    ['north', '12', 300],
    ['south', '1', 200],
  ])
  append(app, [
    ['ann', { shop: 'south', units: 6 }, 400],
    ['bob', null, 500],
    ['cid', { shop: 'south', units: 3 }, 350],
  ])
  await app.drained('orders', 0)
  await app.drained('app-by-shop-repartition', 0)
  expect(rowsOf(app, 'app-by-shop-repartition').slice(2)).toEqual([
    ['north', '-12\u0001', 500],
    ['south', '8\u0001', 400],
  ])
  expect(rowsOf(app, 'units').slice(2)).toEqual([
    ['north', '0', 500],
    ['south', '9', 400],
  ])
  await app.instance.close()
})

it('without sums, every change is a record', async () => {
  const app = await started(undefined)
  expect(rowsOf(app, 'app-by-shop-repartition')).toHaveLength(3)
  await app.instance.close()
})

it('the groups of object keys are sent one by one, and count and reduce refuse sums', () => {
  const builder = new StreamsBuilder()
  const keySerde = serdes.json<{ readonly shop: string }>()
  const options = { keySerde, valueSerde: numberSerde, sums: UNITS }
  const table = builder.table<string, Order>('orders', { keySerde: stringSerde, valueSerde: orderSerde })
  const grouped = table.groupBy<{ readonly shop: string }, number>(
    (_customer, { shop, units }) => [{ shop: String(shop) }, units],
    options,
  )
  grouped
    .aggregate<number>({
      initializer: () => 0,
      adder: (_shop, units, total) => total + units,
      subtractor: (_shop, units, total) => total - units,
      materialized: { name: 'units', keySerde, valueSerde: numberSerde },
    })
    .toStream()
    .to('units', { keySerde, valueSerde: numberSerde })
  expect(() => grouped.count()).toThrow('count cannot follow a groupBy with sums: use aggregate')
  expect(() => grouped.reduce({ adder: (a, b) => a + b, subtractor: (a, b) => a - b })).toThrow(
    'reduce cannot follow a groupBy with sums: use aggregate',
  )
  const driver = new TopologyTestDriver(builder.build().build({ applicationId: 'app' }))
  const input = driver.inputTopic('orders', stringSerde, orderSerde)
  input.pipeInput('ann', { shop: 'north', units: 5 })
  input.pipeInput('ann', { shop: 'north', units: 6 })
  const records = driver.outputTopic('units', keySerde, numberSerde).readRecords()
  expect(records.map(({ key, value }) => [key, value])).toEqual([
    [{ shop: 'north' }, 5],
    [{ shop: 'north' }, 6],
  ])
  driver.close()
})
