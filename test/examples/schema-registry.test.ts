import { expect, it } from 'vitest'
import { orderSerde, topology } from '../../examples/08-schema-registry.ts'
import { MemorySchemaRegistry } from '../../exports/serdes.ts'
import { TopologyTestDriver } from '../../exports/testing.ts'
import { serdes } from '../../topology/index.ts'

it('08 keeps the largest order of each customer, and registers the schemas of what it writes', async () => {
  const registry = new MemorySchemaRegistry()
  const driver = new TopologyTestDriver(topology(registry).build({ applicationId: 'example' }))
  const orders = driver.inputTopic('orders', serdes.string, orderSerde(registry))
  const largest = driver.outputTopic('largest-orders', serdes.string, orderSerde(registry))
  await driver.prepare()
  orders.pipeInput('c-1', { orderId: 'o-1', cents: 300 })
  orders.pipeInput('c-1', { orderId: 'o-2', cents: 200 })
  expect(largest.readRecords().map(({ value }) => value?.orderId)).toEqual(['o-1', 'o-1'])
  expect(registry.subjects).toEqual(['largest-orders-value', 'example-largest-changelog-value', 'orders-value'])
  driver.close()
})
