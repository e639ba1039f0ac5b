import { expect, it } from 'vitest'
import { TopologyTestDriver } from '../../runtime/memory/test-driver.ts'
import { StreamsBuilder, serdes, timeWindowedSerde, timeWindows } from '../../topology/index.ts'

const MINUTE = 60_000

it('sends one final count per minute, when the minute and its grace are over', () => {
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
  const minutes = timeWindows({ sizeMs: MINUTE, graceMs: 10_000 })
  builder
    .stream<string, string>('pings')
    .groupByKey()
    .windowedBy(minutes)
    .emitStrategy('on-window-close')
    .count({ materialized: { name: 'pings-per-minute' } })
    .toStream()
    .to('minutes', { keySerde: timeWindowedSerde(serdes.string, MINUTE), valueSerde: serdes.int64 })

  const driver = new TopologyTestDriver(builder.build().build({ applicationId: 'example' }))
  const pings = driver.inputTopic('pings', serdes.string, serdes.string)
  const out = driver.outputTopic('minutes', timeWindowedSerde(serdes.string, MINUTE), serdes.int64)
  pings.pipeInput('driver-1', 'here', 5_000)
  pings.pipeInput('driver-1', 'here', 65_000)
  pings.pipeInput('driver-1', 'late, within the grace', 30_000)
  expect(out.readRecords()).toEqual([])
  pings.pipeInput('driver-1', 'the minute before is over', 71_000)
  expect(out.readRecords().map(({ key, value }) => [key?.key, key?.window.start, value])).toEqual([['driver-1', 0, 2]])
  driver.close()
})
