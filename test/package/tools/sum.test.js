/* A test as Jest and Vitest users write it; both give `test` and `expect` as globals. */
import { StreamsBuilder, serdes } from 'ride-streams'
import { TopologyTestDriver } from 'ride-streams/testing'

test('a word is counted', () => {
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
  builder
    .stream('words')
    .groupBy((_key, word) => word)
    .count({ materialized: { name: 'counts' } })
  const driver = new TopologyTestDriver(builder.build().build({ applicationId: 'counting' }))
  driver.inputTopic('words', serdes.string, serdes.string).pipeInput(null, 'tea')
  expect(driver.store('counts').get('tea').value).toBe(1)
  driver.close()
})
