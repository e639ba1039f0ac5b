import type { Command } from 'commander'
import { newCommand } from '../command.ts'

export function startCommand(): Command {
  return newCommand('start', 'run the application against KAFKA_BROKERS until SIGTERM or SIGINT')
    .addHelpText('after', '\nMissing output and internal topics are created; a missing input topic stops the start.')
    .action(start)
}

async function start(): Promise<void> {
  const { configWarnings, loadConfig, publicConfig, requireBrokers } = await import('../../infra/config/config.ts')
  const { createLogger } = await import('../../infra/logging/logger.ts')
  const { openApplication } = await import('../application.ts')
  const { onShutdown } = await import('../signals.ts')

  const config = loadConfig(process.env)
  requireBrokers(config)
  const logger = createLogger({ level: config.logLevel })
  for (const warning of configWarnings(config)) logger.warn(warning)
  logger.info({ config: publicConfig(config) }, 'starting')

  const shutdown = onShutdown()
  const application = await openApplication(config, logger)
  logger.info({ url: application.url }, 'started')
  const failure = await Promise.race([application.instance.stopped, shutdown.requested.then(() => null)])
  logger.info('closing')
  await application.close()
  if (failure !== null) throw failure
  logger.info('closed')
}
