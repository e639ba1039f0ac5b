import { expect, it } from 'vitest'
import { DEFAULT_STREAMS_CONFIG } from '../../../runtime/instance/streams-config.ts'
import { tryProcessors } from '../../../runtime/replay/try-processors.ts'
import { type KStream, StreamsBuilder, serdes } from '../../../topology/index.ts'

type Prices = ReturnType<StreamsBuilder['globalTable']>

/** Records of `in`, and a global table that queries read. */
function tried(build: (input: KStream<string, string>, prices: Prices) => void): Promise<void> {
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
  const prices = builder.globalTable('prices', { materialized: { name: 'price-list' } })
  build(builder.stream('in'), prices)
  const config = { ...DEFAULT_STREAMS_CONFIG, applicationId: 'app', deadLetterTopic: 'dlq' }
  return tryProcessors(builder.build().build({ applicationId: 'app' }), config)
}

it('calls whose answers are recorded may stand beside a global table that no processor reads', async () => {
  let calls = 0
  const ask = async (value: string): Promise<string> => `${value} ${++calls}`
  const answers = { serde: serdes.string, retentionMs: -1 }
  await tried((input) => input.mapAsync(ask, { name: 'ask', answers }).to('out'))
  expect(calls).toBe(0)
})

it('a processor that reads a global table is refused', async () => {
  const reading = tried((input, prices) =>
    input.joinGlobal(prices, { keySelector: (key) => key, joiner: (value) => value }).to('out'),
  )
  await expect(reading).rejects.toThrow('the rows that price-list had are not recorded')
})
