import type { Command } from 'commander'
import { newCommand, wholeNumber } from '../command.ts'
import { newTargetCommand, type TargetOptions, type Targets } from '../target.ts'

interface CreateOptions extends TargetOptions {
  readonly keepForever?: true
  readonly partitions?: number
}

export function topicsCommand(targets: Targets): Command {
  const topics = newCommand('topics', 'the topics of the application')
  topics.addCommand(
    newTargetCommand('list', 'all topics of the application, internal ones too, with their partitions').action(
      async (options: TargetOptions) => list(targets, options),
    ),
  )
  topics.addCommand(
    newTargetCommand('create', 'create missing input, output and dead letter topics; existing ones stay as they are')
      .option(
        '--keep-forever',
        'retention.ms=-1 on input topics: for recorded events, which brokers delete by their age',
      )
      .option(
        '--partitions <n>',
        'with --module: partitions of new topics (default: as topics that must have the same number, else the broker decides)',
        wholeNumber(1, 100_000),
      )
      .action(async (options: CreateOptions, command: Command) => create(targets, options, command)),
  )
  return topics
}

async function create(targets: Targets, options: CreateOptions, command: Command): Promise<void> {
  const { keepForever = false, partitions = null } = options
  if (partitions !== null && options.module === undefined) command.error('error: --partitions needs --module')
  const { withKafka } = await import('../kafka-clients.ts')
  const { printRows } = await import('../output.ts')

  const target = await targets.load(options)
  const rows = await withKafka(target.config, ({ admin }) => target.createTopics(admin, { keepForever, partitions }))
  printRows(
    rows,
    [
      { head: 'TOPIC', value: ({ topic }) => topic },
      { head: 'PARTITIONS', value: (row) => row.partitions, right: true },
      { head: 'RESULT', value: ({ created }) => (created ? 'created' : 'existed') },
    ],
    options.json ?? false,
  )
}

async function list(targets: Targets, options: TargetOptions): Promise<void> {
  const { planOnCluster, planTopics } = await import('../../infra/streams/topics/index.ts')
  const { withKafka } = await import('../kafka-clients.ts')
  const { printRows } = await import('../output.ts')

  const { config, plan } = await targets.load(options)
  const rows = await withKafka(config, async ({ admin }) => {
    const topics = planTopics(await planOnCluster(plan, admin))
    const found = await admin.describeTopics(topics.map(({ name }) => name))
    return topics.map(({ name, role }) => ({ topic: name, role, partitions: found.get(name)?.partitions ?? null }))
  })
  printRows(
    rows,
    [
      { head: 'TOPIC', value: ({ topic }) => topic },
      { head: 'ROLE', value: ({ role }) => role },
      { head: 'PARTITIONS', value: ({ partitions }) => partitions ?? 'missing', right: true },
    ],
    options.json ?? false,
  )
}
