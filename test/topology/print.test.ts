import { expect, it } from 'vitest'
import { TopologyTestDriver } from '../../runtime/memory/test-driver.ts'
import { type Printed, StreamsBuilder, serdes } from '../../topology/index.ts'

function printed(options: Printed<string, { n: number }>): { readonly lines: string[]; readonly describe: string } {
  const lines: string[] = []
  const builder = new StreamsBuilder()
  builder
    .stream<string, { n: number }>('in', { keySerde: serdes.string, valueSerde: serdes.json() })
    .print({ write: (line) => void lines.push(line), ...options })
  const topology = builder.build()
  const driver = new TopologyTestDriver(topology.build({ applicationId: 'app' }))
  driver.inputTopic('in', serdes.string, serdes.json<{ n: number }>()).pipeInput('a', { n: 1 })
  driver.close()
  return { lines, describe: String(topology.describe()) }
}

it('prints each record as a line, with the name of the node or a label', () => {
  expect(printed({}).lines).toEqual(['[KSTREAM-SOURCE-0000000000]: a, {"n":1}'])
  expect(printed({ label: 'orders', format: (key, { n }) => `${key} has ${n}` }).lines).toEqual(['[orders]: a has 1'])
})

it('is described as by Kafka Streams', () => {
  expect(printed({}).describe).toContain('KSTREAM-PRINTER-0000000001')
})
