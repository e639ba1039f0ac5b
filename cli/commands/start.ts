import { flushCompileCache } from 'node:module'
import type { Command } from 'commander'
import { newCommand } from '../command.ts'

export function startCommand(): Command {
  return newCommand('start', 'run the application against KAFKA_BROKERS until SIGTERM or SIGINT')
    .addHelpText('after', '\nMissing output and internal topics are created; a missing input topic stops the start.')
    .action(start)
}

/** How long an interrupted start may take to undo itself. */
const EARLY_CLOSE_MS = 2000

async function start(): Promise<void> {
  const { loadRideConfig, publicRideConfig } = await import('../../app/config/ride-config.ts')
  const { configWarnings, requireBrokers } = await import('../../infra/config/index.ts')
  const { rideApp } = await import('../../app/ride-app.ts')
  const { StreamWorkers } = await import('../../infra/streams/workers/index.ts')
  const config = loadRideConfig(process.env)
  requireBrokers(config)
  // They load their modules while this thread loads the rest of its own.
  const workers = new StreamWorkers(rideApp(config), config)

  const { createLogger, errorFields } = await import('../../infra/logging/index.ts')
  const { openApplication } = await import('../application.ts')
  const { setTimeout: sleep } = await import('node:timers/promises')
  const { showRestores } = await import('../restore-view.ts')
  const { onShutdown } = await import('../signals.ts')

  const shutdown = onShutdown()
  const logger = createLogger({ level: config.logLevel })
  for (const warning of configWarnings(config)) logger.warn(warning)
  logger.info({ config: publicRideConfig(config) }, 'starting')

  const opening = openApplication(config, logger, { signal: shutdown.signal, workers })
  const application = await Promise.race([opening, shutdown.requested.then(() => null)])
  if (application === null) {
    // The signal came before there is anything to lose, so nothing waits for brokers that may never come.
    const undone = opening.then(
      (opened) => opened.close(),
      () => undefined, // the start is given up
    )
    await Promise.race([undone, sleep(EARLY_CLOSE_MS)])
    return
  }
  logger.info({ url: application.url }, 'started')
  // Otherwise it is written at a clean end only, and after kill -9 the next start would lose its compiled code.
  flushCompileCache()
  const ending = new AbortController()
  const showing = showRestores(application.instance, process.stderr, ending.signal)
  const failure = await Promise.race([application.instance.stopped, shutdown.requested.then(() => null)])
  ending.abort()
  await showing
  if (failure !== null) logger.error({ ...errorFields(failure), err: failure }, 'stopped by an error')
  logger.info('closing')
  await application.close()
  if (failure !== null) throw failure
  logger.info('closed')
}
