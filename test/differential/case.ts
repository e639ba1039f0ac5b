import type { StreamsBuilder, Topology } from '../../topology/index.ts'

/** Topologies by the name of their recording. */
export type DslCases = Readonly<Record<string, (builder: StreamsBuilder) => void>>
export type TopologyCases = Readonly<Record<string, (topology: Topology) => void>>
