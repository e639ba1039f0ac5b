import { StreamsConfigError } from '../../state/index.ts'
import type { Plan } from '../../topology/index.ts'
import { EVENT_TABLES, type ExportTable, OUTPUT_TABLES, rawTable, storeTable } from './tables.ts'

/**
 * The table of that name: an output, a topic of events, a store of the plan with a changelog, or any other topic of the plan (its columns
 * are `key` and `value`). Throws StreamsConfigError, which lists what there is.
 */
export function findTable(name: string, plan: Plan): ExportTable {
  const known = [...OUTPUT_TABLES, ...EVENT_TABLES].find((table) => table.name === name)
  if (known !== undefined) return known
  const stores = plan.subtopologies.flatMap((subtopology) => subtopology.stores)
  const changelogs = new Map(
    stores.flatMap(({ spec, changelogTopic, sourceTopic }): [string, string][] => {
      const topic = changelogTopic ?? sourceTopic
      return topic === undefined ? [] : [[spec.name, topic]]
    }),
  )
  const changelog = changelogs.get(name)
  if (changelog !== undefined) return storeTable(name, changelog)
  const topics = new Set([
    ...plan.subtopologies.flatMap(({ sourceTopics }) => sourceTopics),
    ...plan.internalTopics.map((topic) => topic.name),
  ])
  if (topics.has(name)) return rawTable(name, name, 'stream')
  const names = [...OUTPUT_TABLES, ...EVENT_TABLES].map((table) => table.name)
  throw new StreamsConfigError(
    `there is no topic or store ${name}; topics: ${names.join(', ')}; stores: ${[...changelogs.keys()].join(', ')}`,
  )
}
