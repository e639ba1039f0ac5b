import type { DslCases, TopologyCases } from '../case.ts'
import { aggregateCases } from './aggregates.ts'
import { statelessCases } from './stateless.ts'
import { tableCases } from './tables.ts'

export const dslCases: DslCases = { ...statelessCases, ...tableCases, ...aggregateCases }
export const topologyCases: TopologyCases = {}
