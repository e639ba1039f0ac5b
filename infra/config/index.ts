/** The public face of infra/config/. */
export {
  type Config,
  type ConfigInCode,
  configOf,
  configWarnings,
  loadConfig,
  loadConfigWith,
  publicConfig,
  requireBrokers,
} from './config.ts'
export type { Environment } from './given-values.ts'
export { kafkaConnection } from './kafka-connection.ts'
export { variablesTable } from './table-page.ts'
export { boolean, formatHostPort, hostPort, hostPorts, integer, listOf, origins, text } from './types.ts'
export { type ValuesOf, variable } from './variable.ts'
export { variables } from './variables.ts'
