/** Everything an application needs to write a topology. */
export type {
  BackendFactory,
  BackendOptions,
  BackendWrite,
  KeyRange,
  OpenBackends,
  StateBackend,
  StoreBackend,
} from '../state/ports/backend.ts'
export { InvalidRecordError, StreamsTopologyError } from '../state/ports/errors.ts'
export {
  appendPart,
  type GrownParts,
  growParts,
  type PartsBytes,
  type PartsSerde,
  serializedOf,
} from '../state/ports/grown-parts.ts'
export { type Header, type Headers, lastHeader, NO_HEADERS, TextHeader } from '../state/ports/headers.ts'
export type { KeptNumber } from '../state/ports/kept-number.ts'
export { MOST_KEY_TEXT } from '../state/ports/key-text.ts'
export type { Serde, SerdeUse, Serialized } from '../state/ports/serde.ts'
export { type CommittedIndex, type IndexEntry, LATEST_TIMES, type StoreIndexSpec } from '../state/ports/store-index.ts'
export type { KeyValueSpec } from '../state/ports/store-spec.ts'
export type * from '../state/ports/stores.ts'
export {
  NO_PARTS,
  packParts,
  partName,
  partNameText,
  partsOf,
  type ValuePart,
  withPart,
} from '../state/ports/value-parts.ts'
export type { AsyncAnswers, AsyncCall, AsyncLimits, AsyncOrder, AsyncRetry } from './async-call.ts'
export type { AsyncProcessor } from './async-processor.ts'
export { changeSerde } from './change-serde.ts'
export { DEAD_LETTER_TOPIC, deadLetterTopic } from './dead-letter-topic.ts'
export { partitionForKey } from './default-partitioner.ts'
export { TopologyDescription } from './describe/description.ts'
export { type RebuiltStore, type TopologyDiff, topologyDiff } from './describe/topology-diff.ts'
export type * from './describe/topology-json.ts'
export type * from './dsl/options.ts'
export type * from './dsl/types.ts'
export { isMisplaced, likelyPartitioner, type PlacedKey } from './foreign-partitioners.ts'
export { TAKES_WHAT_INPUT_TOOK } from './internal-topic-config.ts'
export type { Sums } from './operators/group-sums.ts'
export type { ValueTransformer } from './operators/table-transform-values.ts'
export type * from './plan.ts'
export type * from './processor.ts'
export type * from './processor-metrics.ts'
export { record, type StreamRecord } from './record.ts'
export { type ReplayedRow, type ReplayRule, type ReplayRules, TABLE_RULE } from './replay-rule.ts'
export * from './serdes.ts'
export * from './stores.ts'
export { StreamsBuilder, type StreamsBuilderOptions } from './streams-builder.ts'
export type { Sync, Unused } from './sync.ts'
export { Topology } from './topology.ts'
export type { ValueVersions } from './versioned-values.ts'
export { sessionWindowedSerde, timeWindowedSerde, type WindowedSerde } from './windowed-serdes.ts'
export * from './windows.ts'
