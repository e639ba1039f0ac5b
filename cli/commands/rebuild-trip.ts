import type { Command } from 'commander'
import type { RebuiltTrip } from '../../app/topics/rebuild-trip.ts'
import { counted } from '../../state/index.ts'
import { type DataOptions, newDataCommand } from '../command.ts'

interface RebuildOptions extends DataOptions {
  readonly events?: true
}

export function rebuildTripCommand(): Command {
  return newDataCommand('rebuild-trip', "fold one trip's events straight from the topics and print its state")
    .argument('<trip-id>', 'the trip')
    .option('--events', 'list the events too')
    .action(printRebuiltTrip)
}

async function printRebuiltTrip(tripId: string, options: RebuildOptions): Promise<void> {
  const { loadRideConfig } = await import('../../app/config/ride-config.ts')
  const { rebuildTrip } = await import('../../app/topics/rebuild-trip.ts')
  const { CommandFailedError } = await import('../errors.ts')
  const { withKafka } = await import('../kafka-clients.ts')
  const { printJson } = await import('../output.ts')
  const { progressBar } = await import('../progress.ts')

  const config = loadRideConfig(process.env)
  const progress = progressBar('reading topics')
  const rebuilt = await withKafka(config, ({ admin, reader }) =>
    rebuildTrip({ admin, reader: reader(), tripId, onProgress: progress.update }),
  ).finally(progress.stop)
  if (rebuilt.state === null) {
    const invalid = rebuilt.invalid > 0 ? ` (${counted(rebuilt.invalid, 'invalid record')} with that key)` : ''
    throw new CommandFailedError(`the topics hold no events of trip ${tripId}${invalid}`)
  }
  const { invalid } = rebuilt
  if (invalid > 0) {
    const are = invalid === 1 ? 'is' : 'are'
    process.stderr.write(`${counted(invalid, 'invalid record')} with that key ${are} left out\n`)
  }
  if (options.json) {
    printJson(options.events ? { ...rebuilt.state, events: rebuilt.events } : rebuilt.state)
    return
  }
  if (options.events) await printEvents(rebuilt)
  printJson(rebuilt.state)
}

async function printEvents({ events }: RebuiltTrip): Promise<void> {
  const { printLine, printTable } = await import('../output.ts')
  printTable(events, [
    { head: 'TIMESTAMP', value: ({ timestamp }) => timestamp },
    { head: 'EVENT', value: ({ eventType }) => eventType },
    { head: 'EVENT ID', value: ({ eventId }) => eventId },
    { head: 'PARTITION', value: ({ partition }) => partition, right: true },
    { head: 'OFFSET', value: ({ offset }) => offset, right: true },
    { head: '', value: ({ counts }) => (counts ? '' : 'superseded') },
  ])
  printLine()
}
