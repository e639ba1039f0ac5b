import { deepEqual } from 'node:assert/strict'
import { StreamsBuilder, serdes } from 'ride-streams'
import { TopologyTestDriver } from 'ride-streams/testing'

const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
builder
  .stream<string, string>('words')
  .mapValues((word) => word.toUpperCase())
  .to('loud')
const driver = new TopologyTestDriver(builder.build().build({ applicationId: 'three-lines' }))

driver.inputTopic('words', serdes.string, serdes.string).pipeInput('k', 'quiet')
const [loud] = driver.outputTopic('loud', serdes.string, serdes.string).readRecords()
deepEqual([loud?.key, loud?.value], ['k', 'QUIET'])
driver.close()
