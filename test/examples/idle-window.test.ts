import { expect, it } from 'vitest'
import { TopologyTestDriver } from '../../runtime/memory/test-driver.ts'
import { StreamsBuilder, serdes, timeWindowedSerde, timeWindows } from '../../topology/index.ts'

const MINUTE = 60_000

it('sends the last count although no ping follows it', () => {
  const builder = new StreamsBuilder({
    defaultKeySerde: serdes.string,
    defaultValueSerde: serdes.string,
    closeWindowsWhenIdle: { afterMs: 1000 },
  })
  builder
    .stream<string, string>('pings')
    .groupByKey()
    .windowedBy(timeWindows({ sizeMs: MINUTE, graceMs: 10_000 }))
    .count({ materialized: { name: 'pings-per-minute' } })
    .suppress({ until: 'window-closes', name: 'final' })
    .toStream()
    .to('minutes', { keySerde: timeWindowedSerde(serdes.string, MINUTE), valueSerde: serdes.int64 })

  const driver = new TopologyTestDriver(builder.build().build({ applicationId: 'example' }))
  const pings = driver.inputTopic('pings', serdes.string, serdes.string)
  const out = driver.outputTopic('minutes', timeWindowedSerde(serdes.string, MINUTE), serdes.int64)
  pings.pipeInput('driver-1', 'here', 45_000)
  driver.advanceWallClockTime(24_999)
  expect(out.readRecords()).toEqual([])
  driver.advanceWallClockTime(1) // 25 s after a ping at 0:45 it is 1:10: minute 0 and its grace are over
  expect(out.readRecords().map(({ key, value }) => [key?.key, key?.window.start, value])).toEqual([['driver-1', 0, 1]])
  pings.pipeInput('driver-1', 'too late', 50_000)
  expect([...driver.metrics.dropped.entries()]).toEqual([['late', 1]])
  driver.close()
})
