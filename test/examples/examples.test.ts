import { expect, it } from 'vitest'
import * as wordCount from '../../examples/01-word-count.ts'
import * as joins from '../../examples/02-joins.ts'
import * as windows from '../../examples/03-windows.ts'
import * as fraud from '../../examples/04-fraud-detection.ts'
import * as enrichment from '../../examples/05-async-enrichment.ts'
import { type KeyValueStore, serdes, type Topology, timeWindowedSerde } from '../../exports/index.ts'
import { TopologyTestDriver } from '../../exports/testing.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND

function drive<T>(topology: Topology, work: (driver: TopologyTestDriver) => T): T {
  const driver = new TopologyTestDriver(topology.build({ applicationId: 'example' }))
  try {
    return work(driver)
  } finally {
    driver.close()
  }
}

const json = <T>(driver: TopologyTestDriver, topic: string) => {
  const records = driver.outputTopic(topic, serdes.string, serdes.json<T>()).readRecords()
  return records.map(({ key, value }) => [key, value])
}

it('01 counts each word, and sends every change', () => {
  drive(wordCount.topology, (driver) => {
    const lines = driver.inputTopic('lines', serdes.string, serdes.string)
    lines.pipeInput(null, 'Tea, no coffee')
    lines.pipeInput(null, 'tea')
    const counts = driver.outputTopic('word-counts', serdes.string, serdes.int64).readRecords()
    expect(counts.map(({ key, value }) => [key, value])).toEqual([
      ['tea', 1],
      ['no', 1],
      ['coffee', 1],
      ['tea', 2],
    ])
  })
})

it('02 gives orders the names of customer and product, and says whether they were paid within the hour', () => {
  drive(joins.topology, (driver) => {
    const orders = driver.inputTopic('orders', serdes.string, serdes.json<joins.Order>())
    const payments = driver.inputTopic('payments', serdes.string, serdes.json<joins.Payment>())
    driver.inputTopic('customers', serdes.string, serdes.json<joins.Named>()).pipeInput('c-1', { name: 'Ada' }, 0)
    driver.inputTopic('products', serdes.string, serdes.json<joins.Named>()).pipeInput('p-1', { name: 'tea' }, 0)
    orders.pipeInput('c-1', { orderId: 'o-1', productId: 'p-1' }, SECOND)
    expect(json(driver, 'named-orders')).toEqual([['c-1', { orderId: 'o-1', customer: 'Ada', product: 'tea' }]])

    payments.pipeInput('o-1', { orderId: 'o-1', amount: 3 }, 30 * MINUTE)
    expect(json(driver, 'settlements')).toEqual([['o-1', { paid: true, amount: 3 }]])
    orders.pipeInput('c-1', { orderId: 'o-2', productId: 'p-1' }, 31 * MINUTE)
    payments.pipeInput('o-3', { orderId: 'o-3', amount: 1 }, 31 * MINUTE + 61 * MINUTE)
    expect(json(driver, 'settlements')).toEqual([['o-2', { paid: false }]])
  })
})

it('03 sends one final count per minute, and late views to a topic of their own', () => {
  drive(windows.topology, (driver) => {
    const views = driver.inputTopic('views', serdes.string, serdes.string)
    const minutes = driver.outputTopic('minutes', timeWindowedSerde(serdes.string, MINUTE), serdes.int64)
    views.pipeInput('/home', 'a', 10 * SECOND)
    views.pipeInput('/home', 'b', 65 * SECOND)
    views.pipeInput('/home', 'within the grace', 59 * SECOND)
    expect(minutes.readRecords()).toEqual([])
    views.pipeInput('/home', 'c', 70 * SECOND)
    views.pipeInput('/home', 'late', 59 * SECOND)
    expect(minutes.readRecords().map(({ key, value }) => [key?.key, key?.window.start, value])).toEqual([
      ['/home', 0, 2],
    ])
    const late = driver.outputTopic('late-views', serdes.string, serdes.string).readRecords()
    expect(late.map(({ key, value }) => [key, value])).toEqual([['/home', 'late']])
  })
})

it('04 alerts at the fourth payment of a card within a minute, and forgets quiet cards', () => {
  drive(fraud.topology, (driver) => {
    const payments = driver.inputTopic('card-payments', serdes.string, serdes.json<fraud.Payment>())
    for (const at of [0, 10, 20, 59]) payments.pipeInput('card-1', { amount: 5 }, at * SECOND)
    expect(json(driver, 'fraud-alerts')).toEqual([['card-1', { payments: 4, total: 20 }]])
    for (const at of [61, 90]) payments.pipeInput('card-1', { amount: 5 }, at * SECOND)
    expect(json(driver, 'fraud-alerts')).toEqual([['card-1', { payments: 4, total: 20 }]])

    payments.pipeInput('card-2', { amount: 1 }, 10 * MINUTE)
    const kept = driver.store<KeyValueStore<string, unknown>>('recent-payments')
    expect([...kept.all()].map(([card]) => card)).toEqual(['card-2'])
  })
})

it('05 asks the service about each order, again when it fails, and sends it on with the score', async () => {
  let failures = 1
  const topology = enrichment.riskTopology(async (email) => {
    if (failures-- > 0) throw new Error('try again')
    return { isKnown: email.startsWith('ada') }
  })
  const driver = new TopologyTestDriver(topology.build({ applicationId: 'example' }))
  const orders = driver.inputTopic('orders', serdes.string, serdes.json<enrichment.Order>())
  orders.pipeInput('o-1', { email: 'ada@example.org', total: 1200 })
  orders.pipeInput('o-2', { email: 'bob@example.org', total: 3 })
  await driver.runCalls()
  expect(json(driver, 'checked-orders')).toEqual([['o-2', { email: 'bob@example.org', total: 3, score: 50 }]])
  driver.advanceWallClockTime(200)
  await driver.runCalls()
  expect(json(driver, 'checked-orders')).toEqual([['o-1', { email: 'ada@example.org', total: 1200, score: 40 }]])
  driver.close()
})
