/** The public face of infra/logging/. */
export { AppLog } from './app-log.ts'
export { errorFields } from './error-fields.ts'
export { createLogger, type Logger } from './logger.ts'
export { SafeLogger } from './safe-logger.ts'
