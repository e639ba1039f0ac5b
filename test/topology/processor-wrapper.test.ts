import { expect, it } from 'vitest'
import { TopologyTestDriver } from '../../runtime/memory/test-driver.ts'
import { type ProcessorWrapper, StreamsBuilder, serdes, Topology } from '../../topology/index.ts'

const TEXT = { keySerde: serdes.string, valueSerde: serdes.string }

it('wraps every processor, those of the DSL and of global tables included, and results stay', () => {
  const calls: string[] = []
  const processorWrapper: ProcessorWrapper = (name, supplier) => () => {
    const inner = supplier()
    return {
      init: (context) => inner.init?.(context),
      process: (record) => {
        calls.push(name)
        inner.process(record)
      },
      close: () => inner.close?.(),
    }
  }
  const builder = new StreamsBuilder({ processorWrapper })
  builder.globalTable('rates', { ...TEXT, name: 'rates' })
  builder
    .stream('in', TEXT)
    .mapValues((word) => word.toUpperCase(), { name: 'upper' })
    .groupByKey()
    .count({ name: 'count', materialized: { name: 'counts' } })
    .toStream({ name: 'changes' })
    .to('out', { keySerde: serdes.string, valueSerde: serdes.json<number>() })
  const driver = new TopologyTestDriver(builder.build().build({ applicationId: 'app' }))
  driver.inputTopic('rates', serdes.string, serdes.string).pipeInput('usd', '1.1')
  driver.inputTopic('in', serdes.string, serdes.string).pipeInput('a', 'x')
  expect(calls).toEqual(['rates', 'upper', 'count', 'changes'])
  const out = driver.outputTopic('out', serdes.string, serdes.json<number>()).readRecords()
  expect(out.map(({ key, value }) => [key, value])).toEqual([['a', 1]])
  driver.close()
})

it('wraps processors of a Topology by their names', () => {
  const wrapped: string[] = []
  const topology = new Topology({
    processorWrapper: (name, supplier) => {
      wrapped.push(name)
      return supplier
    },
  })
  topology.addSource({ name: 'source', topics: 'in', ...TEXT })
  topology.addProcessor({ name: 'one', parents: ['source'], supplier: () => ({ process: () => undefined }) })
  expect(wrapped).toEqual(['one'])
})
