/** The public face of infra/streams/. */
export { type AppDefinition, loadApp } from './app-definition.ts'
export { type KafkaStreamsOptions, startKafkaStreams } from './kafka-streams.ts'
export { realClock } from './real-clock.ts'
export { startApp } from './start-app.ts'
export { streamsConfig } from './streams-config.ts'
