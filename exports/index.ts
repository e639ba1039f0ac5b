/** `ride-streams`: write a topology (DSL, Processor API) and run it on Kafka. */

export { type Config, type ConfigInCode, type Environment, loadConfig } from '../infra/config/index.ts'
export type { KafkaTls, SaslConfig } from '../infra/kafka/config/index.ts'
export type {
  ExceptionHandlers,
  KafkaStreamsConfig,
  StateListener,
  StoreHandle,
  StoreLag,
  StreamsListeners,
  StreamsTopology,
  ThreadMetadata,
  TopologyInProcess,
  TopologyModule,
} from '../infra/streams/index.ts'
// Not by the room's face: whoever imports the package would load all that runs a topology.
export { KafkaStreams } from '../infra/streams/kafka-streams.ts'
export type {
  CloseOptions,
  DescribeRecord,
  ExceptionHandler,
  ExceptionHandlerFunction,
  ExceptionResponse,
  FailedInput,
  InstanceState,
  KeyOptions,
  KeyPageOptions,
  KeyQueryMetadata,
  LostInput,
  MetricFamily,
  MisplacedKeys,
  QueryAnswer,
  RestoreEvent,
  RowsAnswer,
  SessionOptions,
  StorePageOptions,
  StoreQueries,
  StoreScan,
  StreamsInstance,
  TaskHost,
  TaskStatus,
  UncaughtExceptionHandler,
  UncaughtExceptionResponse,
} from '../runtime/index.ts'
export { MissingTopicError, NoSuchStoreError, StoreUnavailableError } from '../runtime/index.ts'
export {
  AsyncCallError,
  AsyncTimeoutError,
  IllegalStateError,
  MissingPackageError,
  RetriableError,
  StateDirectoryError,
  StreamsConfigError,
  StreamsError,
  TaskClosedError,
} from '../state/index.ts'
export * from '../topology/index.ts'
