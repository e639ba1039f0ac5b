import type { Command } from 'commander'
import { type DataOptions, newCommand, newDataCommand } from '../command.ts'

interface CreateOptions extends DataOptions {
  readonly keepForever?: true
}

export function topicsCommand(): Command {
  const topics = newCommand('topics', 'the topics of the application')
  topics.addCommand(
    newDataCommand('create', 'create missing input, output and dead letter topics; existing ones stay as they are')
      .option(
        '--keep-forever',
        'retention.ms=-1 on input topics: for recorded events, which brokers delete by their age',
      )
      .action(create),
  )
  return topics
}

async function create(options: CreateOptions): Promise<void> {
  const { loadRideConfig } = await import('../../app/config/ride-config.ts')
  const { createRideTopics } = await import('../../app/topics/create-topics.ts')
  const { withKafka } = await import('../kafka-clients.ts')
  const { printRows } = await import('../output.ts')

  const config = loadRideConfig(process.env)
  const { applicationId, outputRetentionMs } = config
  const rows = await withKafka(config, ({ admin }) =>
    createRideTopics(admin, { applicationId, outputRetentionMs, keepForever: options.keepForever }),
  )
  printRows(
    rows,
    [
      { head: 'TOPIC', value: ({ topic }) => topic },
      { head: 'PARTITIONS', value: ({ partitions }) => partitions, right: true },
      { head: 'RESULT', value: ({ created }) => (created ? 'created' : 'existed') },
    ],
    options.json ?? false,
  )
}
