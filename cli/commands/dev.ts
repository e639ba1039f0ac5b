import type { Command } from 'commander'
import { newCommand, positiveNumber } from '../command.ts'

/** Two hours in a second: results appear at once, and the month takes six minutes. */
const DEFAULT_SPEED = 7200

export function devCommand(): Command {
  return newCommand('dev', 'Kafka, topics, the application and a month of real New York rides, live in the terminal')
    .addHelpText(
      'after',
      '\nWithout KAFKA_BROKERS a local broker is started and stopped with it. Everything is kept under STATE_DIR:\nthe next start continues where this one ended. After the month rides of this moment follow, which never end.',
    )
    .option('--speed <factor>', 'event seconds per second', positiveNumber, DEFAULT_SPEED)
    .action(async (options: { speed: number }) => {
      const { runDev } = await import('../dev/dev.ts')
      await runDev(options)
    })
}
