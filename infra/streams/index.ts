/** The public face of infra/streams/. */
export { type AppDefinition, type ExceptionHandlers, type LoadedApp, loadApp } from './app-definition.ts'
export { KafkaStreams, type StateListener, type StoreLag, type ThreadMetadata } from './kafka-streams.ts'
export type { KafkaStreamsConfig, StreamsListeners } from './kafka-streams-config.ts'
export { realClock } from './real-clock.ts'
export { startApp } from './start-app.ts'
export type { StoreHandle } from './store-handle.ts'
export { streamsConfig, withHandlers } from './streams-config.ts'
export type { StreamsTopology, TopologyInProcess, TopologyModule } from './streams-topology.ts'
