import { expect, it } from 'vitest'
import { TopologyTestDriver } from '../../runtime/memory/test-driver.ts'
import { RecordQueue } from '../../runtime/task/record-queue.ts'
import {
  type Header,
  type Headers,
  lastHeader,
  NO_HEADERS,
  type Serde,
  type SourceNode,
  StreamsBuilder,
  serdes,
} from '../../topology/index.ts'

/** Text behind the unit that a header names: the same bytes mean something else with other headers. */
const unitOf = (headers: Headers = NO_HEADERS): string => lastHeader(headers, 'unit')?.toString() ?? 'none'
const withUnit: Serde<string> = {
  serialize: (_topic, value, headers) => `${value}>${unitOf(headers)}`,
  deserialize: (_topic, bytes, headers) => `${bytes}<${unitOf(headers)}`,
}
const KM: Headers & readonly Header[] = [{ key: 'unit', value: Buffer.from('km') }]

it('serdes see the headers of the record that they read or write', () => {
  const builder = new StreamsBuilder()
  builder.stream('in', { keySerde: withUnit, valueSerde: withUnit }).to('out')
  const driver = new TopologyTestDriver(builder.build().build({ applicationId: 'app' }))
  const input = driver.inputTopic('in', withUnit, withUnit)
  input.pipeInput('k', 'v', 1, KM)
  input.pipeInput('k', 'v', 2)
  const raw = driver.readOutput('out').map(({ key, value }) => [`${key}`, `${value}`])
  expect(raw).toEqual([
    ['k>km<km>km', 'v>km<km>km'],
    ['k>none<none>none', 'v>none<none>none'],
  ])
  driver.close()
})

it('serdes inside repartition topics of tables and windowed keys see the headers of the record, too', () => {
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string })
  builder
    .table<string, string>('in', { valueSerde: serdes.string })
    .groupBy((_key, value) => ['all', value] as const, { name: 'regrouped', valueSerde: withUnit })
    .aggregate({
      initializer: () => '',
      adder: (_key, value, _sum) => value,
      subtractor: (_key, _value, sum) => sum,
      materialized: { name: 'last', valueSerde: serdes.string },
    })
    .toStream()
    .to('out', { valueSerde: serdes.string })
  const driver = new TopologyTestDriver(builder.build().build({ applicationId: 'app' }))
  driver.inputTopic('in', serdes.string, serdes.string).pipeInput('k', 'v', 1, KM)
  const last = driver.outputTopic('out', serdes.string, serdes.string).readRecords()
  expect(last.map(({ value }) => value)).toEqual(['v>km<km'])
  driver.close()
})

it('serdes that read text, or bytes where they are, see the headers, too', () => {
  const seen: string[] = []
  const see = (how: string, headers: Headers | undefined): string => {
    seen.push(`${how} ${unitOf(headers)}`)
    return how
  }
  const keySerde: Serde<unknown> = {
    ...serdes.json(),
    deserializeText: (_topic, _text, headers) => see('text', headers),
  }
  const valueSerde: Serde<unknown> = {
    ...keySerde,
    deserializeIn: (_topic, _bytes, _start, _end, headers) => see('in', headers),
  }
  const at = { topic: 't', partition: 0 }
  const node: SourceNode = { type: 'source', name: 's', topics: ['t'], children: [], keySerde, valueSerde }
  const queue = new RecordQueue(node, { ...at, position: 0, partitionTime: -1 })
  const bytes = Buffer.from('kv')
  const raw = {
    ...{ offset: 0, timestamp: 0, key: bytes.subarray(0, 1), value: bytes.subarray(1), headers: KM },
    ...{ keyText: () => 'k', valueText: () => 'v', bytes, valueStart: 1, valueEnd: 2 },
  }
  queue.add({ ...at, from: 0, records: [raw], bytes: 2, position: 1, endOffset: 1 })
  expect([queue.headFault, seen]).toEqual([null, ['text km', 'in km']])
})
