import { expect, it } from 'vitest'
import { TopologyTestDriver } from '../../runtime/memory/test-driver.ts'
import { StreamsBuilder, serdes } from '../../topology/index.ts'

it('counts rides by city', () => {
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string })
  builder
    .stream<string, { city: string }>('rides', { valueSerde: serdes.json() })
    .groupBy((_rideId, { city }) => city)
    .count({ materialized: { name: 'rides-by-city' } })
    .toStream()
    .to('cities', { valueSerde: serdes.int64 })

  const driver = new TopologyTestDriver(builder.build().build({ applicationId: 'example' }))
  const rides = driver.inputTopic('rides', serdes.string, serdes.json<{ city: string }>())
  rides.pipeInput('ride-1', { city: 'Queens' })
  rides.pipeInput('ride-2', { city: 'Bronx' })
  rides.pipeInput('ride-3', { city: 'Queens' })

  const cities = driver.outputTopic('cities', serdes.string, serdes.int64).readRecords()
  expect(cities.map(({ key, value }) => [key, value])).toEqual([
    ['Queens', 1],
    ['Bronx', 1],
    ['Queens', 2],
  ])
  driver.close()
})
