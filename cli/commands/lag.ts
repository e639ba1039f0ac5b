import type { Command } from 'commander'
import type { GroupLag } from '../../infra/streams/topics/index.ts'
import { type DataOptions, newDataCommand } from '../command.ts'

export function lagCommand(): Command {
  return newDataCommand('lag', "the application's consumer lag per topic-partition and in total").action(lag)
}

async function lag(options: DataOptions): Promise<void> {
  const { loadConfig } = await import('../../infra/config/index.ts')
  const { groupLag } = await import('../../infra/streams/topics/index.ts')
  const { withKafka } = await import('../kafka-clients.ts')
  const { buildRideTopology } = await import('../../processors/ride-topology.ts')
  const { printJson } = await import('../output.ts')

  const config = loadConfig(process.env)
  const plan = buildRideTopology(config).build({ applicationId: config.applicationId })
  const sources = plan.subtopologies.flatMap(({ sourceTopics }) => sourceTopics)
  const repartition = plan.subtopologies.flatMap(({ repartitionSourceTopics }) => repartitionSourceTopics)
  const answer = await withKafka(config, ({ admin }) =>
    groupLag(admin, config.applicationId, {
      required: sources.filter((t) => !repartition.includes(t)),
      optional: repartition,
    }),
  )
  if (options.json) printJson({ rows: answer.rows, nextCursor: null, total: answer.total })
  else await printTable(answer)
}

async function printTable({ rows, total }: GroupLag): Promise<void> {
  const { printLine, printTable } = await import('../output.ts')
  printTable(rows, [
    { head: 'TOPIC', value: ({ topic }) => topic },
    { head: 'PARTITION', value: ({ partition }) => partition, right: true },
    { head: 'COMMITTED', value: ({ committed }) => committed ?? '-', right: true },
    { head: 'END', value: ({ end }) => end, right: true },
    { head: 'LAG', value: ({ lag }) => lag, right: true },
  ])
  printLine(`total lag ${total}`)
}
