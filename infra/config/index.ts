/** The public face of infra/config/. */
export {
  type Config,
  configWarnings,
  type Environment,
  loadConfig,
  loadConfigWith,
  publicConfig,
  requireBrokers,
} from './config.ts'
export { kafkaConnection } from './kafka-connection.ts'
export { variablesTable } from './table-page.ts'
export { formatHostPort, hostPort, hostPorts, integer, listOf } from './types.ts'
export { type ValuesOf, variable } from './variable.ts'
export { variables } from './variables.ts'
