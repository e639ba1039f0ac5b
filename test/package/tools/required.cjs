/* require() of an ES module: Node 20.19, 22.12 and newer. */
const { StreamsBuilder, serdes } = require('ride-streams')
const { TopologyTestDriver } = require('ride-streams/testing')

const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
builder.stream('words').to('same')
const driver = new TopologyTestDriver(builder.build().build({ applicationId: 'required' }))
driver.inputTopic('words', serdes.string, serdes.string).pipeInput('k', 'tea')
if (driver.outputTopic('same', serdes.string, serdes.string).readRecords().length !== 1) throw new Error('nothing came')
driver.close()
