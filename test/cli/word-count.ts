import { randomBytes } from 'node:crypto'
import { type Plan, type ReplayRules, StreamsBuilder, serdes, type Topology } from '../../topology/index.ts'

interface Line {
  readonly text: string
}

/** Its own in each run: tests share a broker. */
export const APPLICATION_ID = `word-count-${randomBytes(5).toString('hex')}`

/** Names of the topics. */
export const topicsOf = (applicationId: string) => ({
  lines: `lines.${applicationId}`,
  counts: `counts.${applicationId}`,
  shouts: `shouts.${applicationId}`,
})

export function wordCount(applicationId: string): Topology {
  const { lines, counts, shouts } = topicsOf(applicationId)
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
  const words = builder
    .stream(lines, { valueSerde: serdes.json<Line>() })
    .flatMapValues(({ text }) => text.split(' '))
    .groupBy((_key, word) => word, { name: 'words', valueSerde: serdes.string })
  const table = words.count({ materialized: { name: 'counts' } }).toStream()
  table.mapValues(String).to(counts)
  table.mapValues((count) => `${count}!`).to(shouts)
  return builder.build()
}

export function buildPlan({ applicationId }: { readonly applicationId: string }): Plan {
  return wordCount(applicationId).build({ applicationId })
}

/** Nobody corrects a shout. What has no rule is a table. */
export const replayRules: ReplayRules = {
  stores: {},
  outputs: { [topicsOf(APPLICATION_ID).shouts]: { isTable: false, correction: () => undefined } },
}
