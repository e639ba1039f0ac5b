import type { Command } from 'commander'
import type { GivenOffset, ResetPlan, ResetTarget } from '../../infra/streams/reset/index.ts'
import { StreamsConfigError } from '../../state/index.ts'
import { dateTime, duration, wholeNumber } from '../command.ts'
import { newTargetCommand, type TargetOptions, type Targets } from '../target.ts'

interface ResetOptions extends TargetOptions {
  readonly toEarliest?: true
  readonly toLatest?: true
  readonly toDatetime?: number
  readonly byDuration?: number
  readonly toOffset?: number
  readonly shiftBy?: number
  readonly inputTopics?: readonly string[]
  readonly internalTopics?: readonly string[]
  readonly fromFile?: string
  readonly force?: true
  readonly dryRun?: true
}

/** A dead instance has left the group by then. */
const BROKER_PATIENCE_MS = 60_000

export function resetCommand(targets: Targets): Command {
  return newTargetCommand('reset', 'begin again: offsets of the input topics go back, internal topics are deleted')
    .option('--to-earliest', 'to the first record of each partition (this is the default)')
    .option('--to-latest', 'to the end of each partition')
    .option('--to-datetime <time>', 'to the first record of that time or later (ISO 8601)', dateTime)
    .option(
      '--by-duration <duration>',
      'to the first record that is not older than that (ISO 8601, like PT6H)',
      duration,
    )
    .option(
      '--to-offset <n>',
      'to that offset, or the nearest that a partition has',
      wholeNumber(0, Number.MAX_SAFE_INTEGER),
    )
    .option(
      '--shift-by <n>',
      'so many records forward, or back (-n), from the committed offset',
      wholeNumber(-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
    )
    .option('--from-file <file>', 'to the offsets of a CSV file with lines of topic,partition,offset; others stay')
    .option('--input-topics <topics>', 'only these input topics, separated by commas (default: all)', names)
    .option(
      '--internal-topics <topics>',
      'delete exactly these internal topics, separated by commas (default: those of the topology)',
      names,
    )
    .option('--force', 'remove members of the group first: of instances that died, and whose session has not timed out')
    .option('--dry-run', 'only say what would be done')
    .addHelpText(
      'after',
      '\nAll instances must be stopped. Output topics and dead letters stay as they are. Each instance removes its own stores in\nSTATE_DIR at its next start. A reset that was stopped half way must be run again before the application starts. With --force, instances that run join\nagain, and the reset refuses.',
    )
    .action(async (options: ResetOptions, command: Command) => reset(targets, options, command))
}

const names = (text: string): string[] =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')

async function targetOf(options: ResetOptions, now: number, command: Command): Promise<ResetTarget> {
  const { toEarliest, toLatest, toDatetime, byDuration, toOffset, shiftBy, fromFile } = options
  const given: ResetTarget[] = []
  if (toEarliest) given.push({ to: 'earliest' })
  if (toLatest) given.push({ to: 'latest' })
  if (toDatetime !== undefined) given.push({ to: 'time', time: toDatetime })
  if (byDuration !== undefined) given.push({ to: 'time', time: now - byDuration })
  if (toOffset !== undefined) given.push({ to: 'offset', offset: toOffset })
  if (shiftBy !== undefined) given.push({ to: 'shift', by: shiftBy })
  if (fromFile !== undefined) given.push({ to: 'given', offsets: await offsetsIn(fromFile) })
  if (given.length > 1) command.error('error: choose one of the options that say where to begin')
  return given[0] ?? { to: 'earliest' }
}

async function offsetsIn(file: string): Promise<readonly GivenOffset[]> {
  const { parseOffsets } = await import('../../infra/streams/reset/index.ts')
  const { readFile } = await import('node:fs/promises')
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    throw new StreamsConfigError(`--from-file: ${file} cannot be read`, { cause: error })
  }
  return parseOffsets(file, text)
}

async function reset(targets: Targets, options: ResetOptions, command: Command): Promise<void> {
  const target = await targetOf(options, Date.now(), command)
  const { Reset } = await import('../../infra/streams/reset/index.ts')
  const { planOnCluster } = await import('../../infra/streams/topics/index.ts')
  const { withKafka } = await import('../kafka-clients.ts')
  const { printJson } = await import('../output.ts')

  const { config, plan } = await targets.load(options)
  const { dryRun = false, force = false, inputTopics = null, internalTopics = null } = options
  const done = await withKafka(
    config,
    async ({ admin, writer }) => {
      const resetting = new Reset({
        plan: await planOnCluster(plan, admin),
        admin,
        writer: () => writer(null),
        target,
        inputTopics,
        internalTopics,
        force: force && !dryRun,
        now: Date.now,
      })
      const planned = await resetting.prepare()
      if (!dryRun) await resetting.run(planned)
      return planned
    },
    BROKER_PATIENCE_MS,
  )
  if (options.json) printJson({ rows: done.offsets, nextCursor: null, deleted: done.deleted, left: done.left, dryRun })
  else await printReset(done, dryRun)
}

async function printReset({ offsets, deleted, left }: ResetPlan, dryRun: boolean): Promise<void> {
  const { printLine, printTable } = await import('../output.ts')
  printTable(offsets, [
    { head: 'TOPIC', value: ({ topic }) => topic },
    { head: 'PARTITION', value: ({ partition }) => partition, right: true },
    { head: 'COMMITTED', value: ({ before }) => before ?? '-', right: true },
    { head: dryRun ? 'WOULD BE' : 'NOW', value: ({ after }) => after, right: true },
  ])
  for (const topic of deleted) printLine(`${dryRun ? 'would delete' : 'deleted'} ${topic}`)
  for (const topic of left) printLine(`left ${topic}: not of this topology (--internal-topics deletes it)`)
  printLine(
    dryRun
      ? 'dry run of the reset: nothing was changed'
      : 'the reset is done: the next start of each instance removes its stores in STATE_DIR (a program can do it before: KafkaStreams.cleanUp())',
  )
}
