import type { Command } from 'commander'
import type { KafkaAdmin, OpenTransaction } from '../../infra/kafka/index.ts'
import type { GroupLag } from '../../infra/streams/topics/index.ts'
import type { TopicPartition } from '../../runtime/index.ts'
import { partitionName, StreamsError } from '../../state/index.ts'
import { newTargetCommand, type TargetOptions, type Targets } from '../target.ts'

export function lagCommand(targets: Targets): Command {
  return newTargetCommand('lag', "the application's consumer lag per topic-partition and in total").action(
    async (options: TargetOptions) => lag(targets, options),
  )
}

async function lag(targets: Targets, options: TargetOptions): Promise<void> {
  const { applicationLag, planOnCluster } = await import('../../infra/streams/topics/index.ts')
  const { withKafka } = await import('../kafka-clients.ts')
  const { printJson } = await import('../output.ts')

  const { config, plan } = await targets.load(options)
  const { answer, open } = await withKafka(config, async ({ admin }) => {
    const found = await applicationLag(admin, await planOnCluster(plan, admin))
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
