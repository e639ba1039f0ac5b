import { StreamsBuilder, serdes } from '../../../topology/index.ts'

/** Asks the service of the round about each record; each stream thread loads this module. */
const { CALLS_INPUT = 'in', CALLS_OUTPUT = 'out', CALLS_SERVICE = 'http://localhost:1' } = process.env

/** The value of a record whose call never ends, whatever its signal says. */
export const STUCK = 'stuck'

/** The answers, for a replay. */
const RECORDED = { answers: { serde: serdes.string, retentionMs: -1 } }

const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
builder
  .stream<string, string>(CALLS_INPUT)
  .mapAsync(
    async (value, _key, { signal }) => {
      const answer = await fetch(`${CALLS_SERVICE}/${value}`, { signal })
      if (!answer.ok) throw new Error(`the service answered ${answer.status}`)
      if (value === STUCK) await new Promise((resolve) => setTimeout(resolve, 3_600_000))
      return await answer.text()
    },
    { name: 'ask', concurrency: 16, timeoutMs: 10_000, retry: { attempts: 10, backoffMs: 20 }, ...RECORDED },
  )
  .to(CALLS_OUTPUT)

export const topology = builder.build()
