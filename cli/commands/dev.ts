import type { Command } from 'commander'
import { newCommand } from '../command.ts'

export function devCommand(): Command {
  return newCommand('dev', 'Kafka, topics, the application and a month of real New York rides, live in the terminal')
    .addHelpText(
      'after',
      '\nWithout KAFKA_BROKERS a local broker is started and stopped with it. Everything is kept under STATE_DIR:\nthe next start continues where this one ended.',
    )
    .action(async () => {
      const { runDev } = await import('../dev/dev.ts')
      await runDev()
    })
}
