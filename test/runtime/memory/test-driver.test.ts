import { expect, it } from 'vitest'
import { TopologyTestDriver } from '../../../runtime/memory/test-driver.ts'
import { jsonSerde, stringSerde } from '../../../topology/serdes.ts'
import { StreamsBuilder } from '../../../topology/streams-builder.ts'

interface Payment {
  readonly hour: string
  readonly cents: number
}

function paymentsByHour() {
  const builder = new StreamsBuilder()
  const payments = builder.table('payments', { keySerde: stringSerde, valueSerde: jsonSerde<Payment>() })
  payments
    .groupBy((_id, { hour, cents }) => [hour, cents] as const, {
      name: 'by-hour',
      keySerde: stringSerde,
      valueSerde: jsonSerde<number>(),
    })
    .aggregate({
      initializer: () => 0,
      adder: (_hour, cents, sum) => sum + cents,
      subtractor: (_hour, cents, sum) => sum - cents,
      materialized: { name: 'hours', valueSerde: jsonSerde<number>() },
    })
    .toStream()
    .to('hours', { keySerde: stringSerde, valueSerde: jsonSerde<number>() })
  return builder.build().build({ applicationId: 'app' })
}

it('the test driver sends a table through its repartition topic to an aggregate, record by record', () => {
  const driver = new TopologyTestDriver(paymentsByHour())
  const input = driver.inputTopic('payments', stringSerde, jsonSerde<Payment>())
  const output = driver.outputTopic('hours', stringSerde, jsonSerde<number>())
  input.pipeInput('a', { hour: '10', cents: 100 }, 5)
  input.pipeInput('b', { hour: '10', cents: 50 }, 3)
  input.pipeInput('a', { hour: '11', cents: 70 }, 9)
  input.pipeInput('b', null, 10)
  const records = output.readRecords().map(({ key, value, timestamp }) => [key, value, timestamp])
  expect(records).toEqual([
    ['10', 100, 5],
    ['10', 150, 5],
    ['10', 50, 9],
    ['11', 70, 9],
    ['10', 0, 10],
  ])
  driver.close()
})

it('the test driver refuses topics that the topology neither reads nor writes', () => {
  const driver = new TopologyTestDriver(paymentsByHour())
  const topic = [stringSerde, stringSerde] as const
  expect(() => driver.inputTopic('payment', ...topic).pipeInput('a', 'b')).toThrow('does not read topic payment')
  expect(() => driver.outputTopic('hour', ...topic).readRecords()).toThrow('does not write to topic hour')
  for (const written of ['hours', 'app-by-hour-repartition', 'app.dlq'])
    expect(driver.outputTopic(written, ...topic).readRecords()).toEqual([])
  driver.close()
})
