/*
 * Tests of topologies, as vitest runs them (jest with --experimental-vm-modules does, too). TopologyTestDriver runs a
 * topology in the test's own call stack: no broker, no waiting, the clock moved by hand.
 */
import { type KeyValueStore, keyValueStore, StreamsBuilder, serdes } from 'ride-streams'
import { TopologyTestDriver } from 'ride-streams/testing'
import { expect, it } from 'vitest'
import { topology } from './01-word-count.ts'

it('counts words, whatever their case', () => {
  const driver = new TopologyTestDriver(topology.build({ applicationId: 'test' }))
  driver.inputTopic('lines', serdes.string, serdes.string).pipeInput(null, 'Tea for two, and two for tea')
  const counts = driver.outputTopic('word-counts', serdes.string, serdes.int64).readRecords()
  expect(Object.fromEntries(counts.map(({ key, value }) => [key, value]))).toEqual({ tea: 2, for: 2, two: 2, and: 1 })
  driver.close()
})

it('shows the rows of a store, and moves the wall clock', () => {
  const seen = keyValueStore({ name: 'seen', keySerde: serdes.string, valueSerde: serdes.int64 })
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
  builder.stream<string, string>('pings').process(
    () => {
      let store: KeyValueStore<string, number>
      return {
        init(context) {
          store = context.store('seen')
          context.schedule(60_000, 'wall-clock-time', () => {
            for (const [key] of [...store.all()]) store.delete(key)
          })
        },
        process: ({ key }) => store.put(key, (store.get(key) ?? 0) + 1),
      }
    },
    { stores: [seen] },
  )
  const driver = new TopologyTestDriver(builder.build().build({ applicationId: 'test' }))
  const rows = driver.store<KeyValueStore<string, number>>('seen')
  driver.inputTopic('pings', serdes.string, serdes.string).pipeInput('driver-1', 'here')
  expect(rows.get('driver-1')).toBe(1)
  driver.advanceWallClockTime(60_000)
  expect(rows.get('driver-1')).toBeNull()
  driver.close()
})
