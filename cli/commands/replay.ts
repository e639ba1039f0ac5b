import { type Command, Option } from 'commander'
import type {
  Emit,
  GoneRange,
  InputCut,
  ReplayOptions,
  ShadowReport,
  TopicOutcome,
} from '../../infra/streams/replay/index.ts'
import { counted, groupedBy, partitionName } from '../../state/index.ts'
import { dateTime, positiveNumber, wholeNumber } from '../command.ts'
import { newTargetCommand, type TargetOptions, type Targets } from '../target.ts'

interface ReplayCommandOptions extends TargetOptions {
  readonly fromBeginning?: true
  readonly toDatetime?: number
  readonly emit?: Emit
  readonly dryRun?: true
  readonly shadow?: true
  readonly cutOver?: true
  readonly rate?: number
  readonly acceptLoss?: true
  readonly limit: number
}

/** Transactions of a dead instance are over by then. */
const BROKER_PATIENCE_MS = 60_000
/** Rate of one core with reading and writing, a low figure: an estimate must not promise too much. */
const RECORDS_PER_SECOND = 10_000
const DEFAULT_SHADOW_RATE = 5000
const DEFAULT_LIMIT = 20
const COLUMNS = 60

export function replayCommand(targets: Targets): Command {
  return newTargetCommand(
    'replay',
    'rebuild all stores from the input topics, and correct what is wrong in the outputs',
  )
    .option('--from-beginning', 'from the first record the input topics have (this is the default)')
    .option(
      '--to-datetime <time>',
      'up to that time only (ISO 8601): the next start goes on from there, and processes the rest again',
      dateTime,
    )
    .addOption(
      new Option('--emit <rows>', 'rows for the output topics (changed; none with --accept-loss)').choices([
        'all',
        'changed',
        'none',
      ]),
    )
    .option('--dry-run', 'only say what would be read, and how long it might take')
    .option('--accept-loss', 'go on although retention has removed input: stores hold what is left')
    .option('--rate <n>', `input records per second at most (with --shadow ${DEFAULT_SHADOW_RATE})`, positiveNumber)
    .option('--shadow', 'rebuild beside the running application and compare its stores; changes nothing')
    .option('--cut-over', 'with --shadow: then wait until all instances are stopped, and replace their stores')
    .option('--limit <n>', 'differences of --shadow shown per store; 0 = all', wholeNumber(0, 1e9), DEFAULT_LIMIT)
    .addHelpText(
      'after',
      '\nAll instances must be stopped (except with --shadow). Ctrl-C is safe at any moment; a replay that was stopped while\nit wrote must be run again before the application starts.',
    )
    .action(async (options: ReplayCommandOptions, command: Command) => replay(targets, options, command))
}

async function replay(targets: Targets, options: ReplayCommandOptions, command: Command): Promise<void> {
  const { shadow = false, cutOver = false, acceptLoss = false, dryRun = false, toDatetime, fromBeginning } = options
  if (cutOver && !shadow) command.error('error: --cut-over needs --shadow')
  if (shadow && toDatetime !== undefined)
    command.error('error: --shadow compares with the present, not with --to-datetime')
  if (fromBeginning && toDatetime !== undefined) command.error('error: choose --from-beginning or --to-datetime')
  const { setTimeout: sleep } = await import('node:timers/promises')
  const { streamsConfig, withHandlers } = await import('../../infra/streams/index.ts')
  const { deadLetterTopic } = await import('../../topology/index.ts')
  const { Replay } = await import('../../infra/streams/replay/index.ts')
  const { planOnCluster } = await import('../../infra/streams/topics/index.ts')
  const { Shadow } = await import('../../infra/streams/replay/index.ts')
  const { CommandFailedError } = await import('../errors.ts')
  const { withKafka } = await import('../kafka-clients.ts')
  const { phaseBars } = await import('../progress.ts')
  const { onShutdown } = await import('../signals.ts')
  const { visibleText } = await import('../../infra/terminal/index.ts')
  const { printJson, printLine } = await import('../output.ts')

  const { config, plan, replayRules, exceptionHandlers, createOwnTopics } = await targets.load(options)
  const { applicationId } = config
  const letters = deadLetterTopic(applicationId)
  const bars = phaseBars({ rebuilding: 'rebuilding', comparing: 'comparing' })
  const { signal } = onShutdown()
  const say = (text: string): void => void process.stderr.write(`${visibleText(text)}\n`)
  await withKafka(
    config,
    async ({ admin, reader, writer }) => {
      const replayOptions: ReplayOptions = {
        plan: await planOnCluster(plan, admin),
        rules: replayRules,
        config: withHandlers(streamsConfig(config, letters), exceptionHandlers),
        deadLetterTopic: letters,
        admin,
        reader,
        writer,
        stateDir: config.stateDir,
        stateBackend: config.stateBackend,
        toTime: toDatetime ?? null,
        emit: options.emit ?? (acceptLoss ? 'none' : 'changed'),
        acceptLoss: acceptLoss || dryRun,
        rate: options.rate ?? (shadow ? DEFAULT_SHADOW_RATE : null),
        signal,
        now: Date.now,
        onProgress: bars.update,
      }
      const replaying = new Replay(replayOptions, `${applicationId}-${shadow ? 'shadow' : 'replay'}`)
      try {
        if (!dryRun && !shadow) {
          await replaying.checkStopped()
          await createOwnTopics(admin)
        }
        const cut = await replaying.prepare({ mayRun: shadow || dryRun })
        if (dryRun) {
          await printWork(cut, options)
          return
        }
        let report: ShadowReport | null = null
        let last = cut
        if (shadow) {
          const beside = new Shadow(replaying, {
            admin,
            applicationId,
            signal,
            pause: (ms) => sleep(ms, undefined, { signal }),
          })
          report = await beside.compare(cut, options.limit)
          bars.stop()
          if (!options.json) await printDifferences(report)
          if (!cutOver) {
            if (options.json) printJson(shadowJson(report, cut))
            if (report.total > 0)
              throw new CommandFailedError(
                `${counted(report.total, 'row')} ${report.total === 1 ? 'differs' : 'differ'}: run it with --cut-over to replace the stores`,
              )
            return
          }
          say('stop all instances now: the cut-over begins when the last one has left the group')
          last = await beside.untilStopped()
        }
        const topics = await replaying.finish(last)
        bars.stop()
        if (options.json)
          printJson({
            rows: topics,
            nextCursor: null,
            ...summary(last),
            ...(report && { shadow: shadowJson(report, last) }),
          })
        else {
          await printOutcome(topics)
          for (const range of last.gone) printLine(goneText(range))
          printLine(
            `rebuilt from ${counted(recordsOf(last), 'record')}; the next start restores its stores from the changelogs`,
          )
        }
      } finally {
        bars.stop()
        await replaying.close()
      }
    },
    BROKER_PATIENCE_MS,
  )
}

const recordsOf = ({ input }: InputCut): number => input.reduce((sum, { from, to }) => sum + to - from, 0)

const summary = (cut: InputCut) => ({ records: recordsOf(cut), gone: cut.gone })

const shadowJson = ({ rows, total, unsettled }: ShadowReport, cut: InputCut) => ({
  rows,
  nextCursor: null,
  total,
  unsettled,
  ...summary(cut),
})

const goneText = (gone: GoneRange): string =>
  `${partitionName(gone)}: retention has removed the records below ${gone.below}`

async function printWork(cut: InputCut, { json, rate }: ReplayCommandOptions): Promise<void> {
  const { printJson, printLine, printTable } = await import('../output.ts')
  const topics = [...groupedBy(cut.input, ({ topic }) => topic)].map(([topic, spans]) => ({
    topic,
    partitions: spans.length,
    records: spans.reduce((sum, { from, to }) => sum + to - from, 0),
  }))
  const records = recordsOf(cut)
  const estimatedSeconds = Math.ceil(records / Math.min(rate ?? Number.POSITIVE_INFINITY, RECORDS_PER_SECOND))
  if (json) {
    printJson({ rows: topics, nextCursor: null, records, estimatedSeconds, gone: cut.gone })
    return
  }
  printTable(topics, [
    { head: 'TOPIC', value: ({ topic }) => topic },
    { head: 'PARTITIONS', value: ({ partitions }) => partitions, right: true },
    { head: 'RECORDS', value: (row) => row.records, right: true },
  ])
  for (const range of cut.gone) printLine(goneText(range))
  printLine(`${counted(records, 'record')}, about ${estimatedSeconds} s; nothing was changed`)
}

async function printOutcome(topics: readonly TopicOutcome[]): Promise<void> {
  const { printTable } = await import('../output.ts')
  printTable(topics, [
    { head: 'TOPIC', value: ({ topic }) => topic },
    { head: 'KIND', value: ({ kind }) => kind },
    { head: 'ROWS', value: ({ rows }) => rows, right: true },
    { head: 'DIFFERED', value: ({ differing }) => differing, right: true },
    { head: 'WRITTEN', value: ({ written }) => written, right: true },
  ])
}

async function printDifferences({ rows, total, unsettled }: ShadowReport): Promise<void> {
  const { printLine, printTable } = await import('../output.ts')
  if (rows.length > 0) {
    printTable(rows, [
      { head: 'TOPIC', value: ({ topic }) => topic },
      { head: 'KEY', value: ({ key }) => cutText(key) },
      { head: 'REBUILT', value: ({ expected }) => cutText(expected ?? '-') },
      { head: 'LIVE', value: ({ found }) => cutText(found ?? '-') },
    ])
  }
  printLine(`${counted(total, 'row')} of the live stores ${total === 1 ? 'differs' : 'differ'} from the shadow`)
  if (unsettled > 0)
    printLine(`${counted(unsettled, 'row')} kept changing and could not be compared beside the application`)
}

function cutText(text: string): string {
  const line = text.replace(/\s+/g, ' ')
  return line.length > COLUMNS ? `${line.slice(0, COLUMNS - 1)}…` : line
}
