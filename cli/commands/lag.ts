import type { Command } from 'commander'
import type { KafkaAdmin, OpenTransaction } from '../../infra/kafka/index.ts'
import type { GroupLag } from '../../infra/streams/topics/index.ts'
import type { TopicPartition } from '../../runtime/index.ts'
import { partitionName, StreamsError } from '../../state/index.ts'
import { type DataOptions, newDataCommand } from '../command.ts'

export function lagCommand(): Command {
  return newDataCommand('lag', "the application's consumer lag per topic-partition and in total").action(lag)
}

async function lag(options: DataOptions): Promise<void> {
  const { loadRideConfig } = await import('../../app/config/ride-config.ts')
  const { groupLag } = await import('../../infra/streams/topics/index.ts')
  const { withKafka } = await import('../kafka-clients.ts')
  const { buildRideTopology } = await import('../../processors/ride-topology.ts')
  const { printJson } = await import('../output.ts')

  const config = loadRideConfig(process.env)
  const plan = buildRideTopology(config).build({ applicationId: config.applicationId })
  const sources = plan.subtopologies.flatMap(({ sourceTopics }) => sourceTopics)
  const repartition = plan.subtopologies.flatMap(({ repartitionSourceTopics }) => repartitionSourceTopics)
  const { answer, open } = await withKafka(config, async ({ admin }) => {
    const found = await groupLag(admin, config.applicationId, {
      required: sources.filter((t) => !repartition.includes(t)),
      optional: repartition,
    })
    const behind = found.rows.filter(({ lag }) => lag > 0)
    return { answer: found, open: await openTransactions(admin, behind) }
  })
  if (options.json) {
    printJson({ rows: answer.rows, nextCursor: null, total: answer.total, openTransactions: open })
  } else {
    await printTable(answer)
    await printOpen(open)
  }
}

/** The lag needs no right to read the topics, which naming their producers does. */
async function openTransactions(
  admin: KafkaAdmin,
  partitions: readonly TopicPartition[],
): Promise<readonly OpenTransaction[]> {
  try {
    return await admin.openTransactions(partitions)
  } catch (error) {
    if (!(error instanceof StreamsError)) throw error
    process.stderr.write(`cannot list open transactions: ${error.message}\n`)
    return []
  }
}

/** Records behind an open transaction are lag that no instance can work off. */
async function printOpen(open: readonly OpenTransaction[]): Promise<void> {
  const { printLine } = await import('../output.ts')
  for (const { topic, partition, producerId, producerEpoch, startOffset, lastWriteAt } of open) {
    printLine(
      `${partitionName({ topic, partition })}: producer ${producerId} (epoch ${producerEpoch}) holds back everything from offset ${startOffset} on: ` +
        `its transaction is open, its last record was written at ${new Date(lastWriteAt).toISOString()} (docs/runbook.md, open transactions)`,
    )
  }
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
