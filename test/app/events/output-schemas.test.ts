import { expect, it } from 'vitest'
import { readOutput } from '../../../app/events/read-output.ts'
import { nycRides } from '../../../app/simulator/nyc-rides.ts'
import { OUTPUT_TOPICS } from '../../../processors/output-schemas.ts'
import { ALL_PROCESSORS } from '../../../processors/processor-names.ts'
import { RIDE_PROCESSORS } from '../../../processors/ride-processors.ts'
import { buildRideTopology } from '../../../processors/ride-topology.ts'
import { TopologyTestDriver } from '../../../runtime/memory/test-driver.ts'
import { recordOf } from '../simulator/read-events.ts'

const bytesOf = (text: string | null): Buffer | null => (text === null ? null : Buffer.from(text))

it('every output topic has a schema, and no other name has', () => {
  expect([...OUTPUT_TOPICS].sort()).toEqual(RIDE_PROCESSORS.flatMap(({ output }) => output?.topic ?? []).sort())
})

it('whatever the topology writes about recorded rides matches the schema of its topic', () => {
  const plan = buildRideTopology({ h3Resolution: 9, processors: ALL_PROCESSORS }).build({ applicationId: 'rides' })
  const driver = new TopologyTestDriver(plan, { config: { deserializationExceptionHandler: 'dead-letter' } })
  const seen = new Map<string, number>()
  const check = (): void => {
    for (const topic of OUTPUT_TOPICS) {
      for (const { value } of driver.readOutput(topic)) {
        expect(readOutput(topic, value as Buffer)).toBeTypeOf('object')
        seen.set(topic, (seen.get(topic) ?? 0) + 1)
      }
    }
  }
  for (const { payload } of nycRides({ seed: 1, trips: 150, pingSeconds: 300 }).events()) {
    const { topic, key, value } = recordOf(payload)
    driver.pipeInput(topic, { key: bytesOf(key), value: bytesOf(value), timestamp: payload.timestamp })
    check()
  }
  driver.advanceWallClockTime(3_600_000)
  check()
  driver.close()
  expect([...seen.keys()].sort()).toEqual([...OUTPUT_TOPICS].sort())
})

it.each([
  ['a value that is no JSON', '{', 'json'],
  ['a field more', '{"hour":"2019-03-01T10:00:00Z","revenue":1,"trips":1,"tips":0}', 'schema'],
  ['a field less', '{"hour":"2019-03-01T10:00:00Z","revenue":1}', 'schema'],
  ['a count that is none', '{"hour":"2019-03-01T10:00:00Z","revenue":1,"trips":-1}', 'schema'],
])('%s is invalid', (_name, text, reason) => {
  expect(() => readOutput('analytics.hourly_revenue', Buffer.from(text))).toThrow(expect.objectContaining({ reason }))
})
