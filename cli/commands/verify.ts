import type { Command } from 'commander'
import type { VerifyReport } from '../../app/verify/verify.ts'
import { counted, partitionName } from '../../state/index.ts'
import { newDataCommand, wholeNumber } from '../command.ts'
import type { TargetOptions, Targets } from '../target.ts'

interface VerifyOptions extends TargetOptions {
  readonly limit: number
  readonly local?: true
}

const DEFAULT_LIMIT = 20
const ATTEMPTS = 3
/** Transactions of a dead instance are over by then. */
const BROKER_PATIENCE_MS = 60_000
const COLUMNS = 60

export function verifyCommand(targets: Targets): Command {
  return newDataCommand(
    'verify',
    'compare stores and output topics with a fold of the input up to the committed offsets',
  )
    .option('--limit <n>', 'differences shown per topic or store; 0 = all', wholeNumber(0, 1e9), DEFAULT_LIMIT)
    .option('--local', 'compare the stores in STATE_DIR with their changelogs instead; no instance may use it')
    .option(
      '--module <file>',
      'compare the stores of this topology (a module that exports `topology` or buildPlan()): as --local',
    )
    .option('--application-id <id>', 'its application id (default: APPLICATION_ID)')
    .addHelpText(
      'after',
      '\nThe application may run, but its input must stand still: a comparison needs offsets that do not move.\nExit code 1 when anything differs.',
    )
    .action(async (options: VerifyOptions) => verify(targets, options))
}

async function verify(targets: Targets, options: VerifyOptions): Promise<void> {
  const { limit, json, local, module } = options
  if (local === true || module !== undefined) {
    const { verifyLocal } = await import('../verify-local.ts')
    await verifyLocal(await targets.load(options), { limit, json: json === true, patienceMs: BROKER_PATIENCE_MS })
    return
  }
  const { environmentOf } = await import('../target.ts')
  const { loadRideConfig } = await import('../../app/config/ride-config.ts')
  const { otherApplications } = await import('../../app/topics/other-applications.ts')
  const { verify: compare } = await import('../../app/verify/verify.ts')
  const { CommandFailedError } = await import('../errors.ts')
  const { withKafka } = await import('../kafka-clients.ts')
  const { printJson } = await import('../output.ts')
  const { progressBar } = await import('../progress.ts')

  const config = loadRideConfig(environmentOf(options))
  const { applicationId, h3Resolution, processors, tripHistoryRetentionMs } = config
  const progress = progressBar('comparing topics')
  const { report, others } = await withKafka(
    config,
    async ({ admin, reader }) => {
      const report = await compare({
        admin,
        reader,
        applicationId,
        h3Resolution,
        processors,
        tripHistoryRetentionMs,
        limit,
        attempts: ATTEMPTS,
        onProgress: progress.update,
      })
      return { report, others: otherApplications(await admin.listTopics(), applicationId) }
    },
    BROKER_PATIENCE_MS,
  ).finally(progress.stop)
  const { differences, topics, gone, misplaced, notCompared, total } = report
  if (json)
    printJson({
      rows: differences,
      nextCursor: null,
      total,
      topics,
      gone,
      misplaced,
      notCompared,
      otherApplications: others,
    })
  else await printReport(report)
  const where = topics.filter((topic) => topic.differences > 0).map(({ topic }) => topic)
  if (total === 0) return
  const hint =
    others.length === 0
      ? ''
      : `; ${others.join(', ')} on this cluster may write the same output topics, whose names have no APPLICATION_ID`
  throw new CommandFailedError(`${counted(total, 'difference')} in ${where.join(', ')}${hint}`)
}

async function printReport({ differences, topics, gone, misplaced, notCompared }: VerifyReport): Promise<void> {
  const { printLine, printTable } = await import('../output.ts')
  printTable(topics, [
    { head: 'TOPIC', value: ({ topic }) => topic },
    { head: 'CHECKED', value: ({ checked }) => checked, right: true },
    { head: 'DIFFERENCES', value: (row) => row.differences, right: true },
    { head: 'UNJUDGED', value: ({ unjudged }) => unjudged, right: true },
  ])
  for (const at of gone) {
    printLine(`${partitionName(at)}: retention has removed the records below ${at.offset}`)
  }
  for (const { topic, records, likely } of misplaced) {
    printLine(
      `${topic}: ${counted(records, 'record')} ${records === 1 ? 'lies' : 'lie'} in other partitions than Kafka's default partitioner (murmur2) puts their keys. ` +
        `The producer's partitioner is ${likely}; differences of their keys come from that (docs/events.md, Partitions)`,
    )
  }
  if (notCompared.length > 0) printLine(`not compared: stores ${notCompared.join(', ')}`)
  if (differences.length === 0) return
  printLine()
  printTable(differences, [
    { head: 'TOPIC', value: ({ topic }) => topic },
    { head: 'KEY', value: ({ key }) => cut(key) },
    { head: 'DIFFERENCE', value: ({ kind }) => kind.replace('-', ' ') },
    { head: 'EXPECTED', value: ({ expected }) => cut(expected ?? '-') },
    { head: 'FOUND', value: ({ found }) => cut(found ?? '-') },
  ])
}

function cut(text: string): string {
  const line = text.replace(/\s+/g, ' ')
  return line.length > COLUMNS ? `${line.slice(0, COLUMNS - 1)}…` : line
}
