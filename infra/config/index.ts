/** The public face of infra/config/. */
export { type Config, configWarnings, type Environment, loadConfig, publicConfig, requireBrokers } from './config.ts'
export { kafkaConnection } from './kafka-connection.ts'
export { formatHostPort, hostPort, hostPorts } from './types.ts'
