/** `ride-streams`: write a topology (DSL, Processor API) and run it on Kafka. */
export { type KafkaStreamsOptions, startKafkaStreams } from '../infra/app/kafka-streams.ts'
export { type Config, type Environment, loadConfig } from '../infra/config/config.ts'
export { MissingTopicError } from '../runtime/cluster-plan.ts'
export type { InstanceState, QueryAnswer, StreamsInstance, TaskStatus } from '../runtime/ports/instance.ts'
export type { UncaughtExceptionHandler } from '../runtime/uncaught-exceptions.ts'
export { StateDirectoryError, StreamsConfigError, StreamsError } from '../state/ports/errors.ts'
export * from '../topology/index.ts'
