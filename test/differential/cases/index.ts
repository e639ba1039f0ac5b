import type { DslCases, TopologyCases } from '../case.ts'
import { aggregateCases } from './aggregates.ts'
import { optimizedCases } from './optimized.ts'
import { processorApiCases, processorCases } from './processors.ts'
import { statelessCases } from './stateless.ts'
import { streamJoinCases } from './stream-joins.ts'
import { suppressCases } from './suppress.ts'
import { tableJoinCases } from './table-joins.ts'
import { tableCases } from './tables.ts'
import { versionedCases } from './versioned.ts'
import { windowCases } from './windows.ts'

export const dslCases: DslCases = {
  ...statelessCases,
  ...tableCases,
  ...aggregateCases,
  ...tableJoinCases,
  ...streamJoinCases,
  ...windowCases,
  ...suppressCases,
  ...processorCases,
  ...versionedCases,
  ...optimizedCases,
}
export { optimizedCases }
export const topologyCases: TopologyCases = processorApiCases
