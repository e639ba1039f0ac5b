import { StreamsConfigError } from '../../state/index.ts'
import type { Plan } from '../../topology/index.ts'
import { EVENT_TABLES, type ExportTable, OUTPUT_TABLES, partsTable, rawTable, storeTable } from './tables.ts'

/**
 * The table of that name: an output, a topic of events, a store of the plan with a changelog, or any other topic of the plan (its columns
 * are `key` and `value`). Throws StreamsConfigError, which lists what there is.
 */
export function findTable(name: string, plan: Plan): ExportTable {
  const known = [...OUTPUT_TABLES, ...EVENT_TABLES].find((table) => table.name === name)
  if (known !== undefined) return known
  const stores = plan.subtopologies.flatMap((subtopology) => subtopology.stores)
  const storeTables = new Map(
    stores.flatMap(({ spec, changelogTopic, sourceTopic }): [string, ExportTable][] => {
      const topic = changelogTopic ?? sourceTopic
      if (topic === undefined) return []
      const isInParts = spec.kind === 'key-value' && spec.changelogParts === true
      return [[spec.name, (isInParts ? partsTable : storeTable)(spec.name, topic)]]
    }),
  )
  const store = storeTables.get(name)
  if (store !== undefined) return store
  const topics = new Set([
    ...plan.subtopologies.flatMap(({ sourceTopics }) => sourceTopics),
    ...plan.internalTopics.map((topic) => topic.name),
  ])
  if (topics.has(name)) return rawTable(name, name, 'stream')
  const names = [...OUTPUT_TABLES, ...EVENT_TABLES].map((table) => table.name)
  throw new StreamsConfigError(
    `there is no topic or store ${name}; topics: ${names.join(', ')}; stores: ${[...storeTables.keys()].join(', ')}`,
  )
}
