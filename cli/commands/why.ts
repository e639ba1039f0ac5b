import { type Command, InvalidArgumentError } from 'commander'
import { newTargetCommand, type TargetOptions, type Targets } from '../target.ts'

interface WhyOptions extends TargetOptions {
  readonly all?: true
  readonly full?: true
}

/** topic null: the dead letter topic. */
interface Place {
  readonly topic: string | null
  readonly partition: number
  readonly offset: number
}

export function whyCommand(targets: Targets): Command {
  return newTargetCommand(
    'why',
    'why a record is as it is: its input record, the operators, every store before and after',
  )
    .argument(
      '<TOPIC:PARTITION:OFFSET>',
      'an output, dead letter or input record (PARTITION:OFFSET: a dead letter)',
      placeOf,
    )
    .option('--all', 'show all that followed from the input record, not only the way to this one')
    .option('--full', 'print long values in full')
    .addHelpText(
      'after',
      '\nThe input is processed again in STATE_DIR, up to that record. Nothing on Kafka changes, and the application may run.\nWith a --module that is fixed, this shows what the new code would have done.',
    )
    .action(async (place: Place, options: WhyOptions) => why(targets, place, options))
}

async function why(targets: Targets, { topic, partition, offset }: Place, options: WhyOptions): Promise<void> {
  const { streamsConfig, withHandlers } = await import('../../infra/streams/index.ts')
  const { findCause } = await import('../../infra/streams/causes/index.ts')
  const { planOnCluster } = await import('../../infra/streams/topics/index.ts')
  const { deadLetterTopic } = await import('../../topology/index.ts')
  const { CommandFailedError } = await import('../errors.ts')
  const { withKafka } = await import('../kafka-clients.ts')
  const { printJson } = await import('../output.ts')
  const { progressBar } = await import('../progress.ts')
  const { onShutdown } = await import('../signals.ts')
  const { printCause, unknownCause } = await import('../cause-view.ts')

  const { config, plan, exceptionHandlers } = await targets.load(options)
  const letters = deadLetterTopic(config.applicationId)
  const bar = progressBar('processing the input again')
  const { signal } = onShutdown()
  const cause = await withKafka(config, async ({ admin, reader }) =>
    findCause(
      { topic: topic ?? letters, partition, offset },
      {
        plan: await planOnCluster(plan, admin),
        config: withHandlers(streamsConfig(config, letters), exceptionHandlers),
        deadLetterTopic: letters,
        admin,
        reader,
        stateDir: config.stateDir,
        stateBackend: config.stateBackend,
        signal,
        onProgress: bar.update,
      },
    ),
  ).finally(bar.stop)
  if (options.json) printJson(cause)
  else printCause(cause, options)
  if (cause.chain === null) throw new CommandFailedError(unknownCause(cause))
}

function placeOf(text: string): Place {
  const [, topic, partition, offset] = /^(?:([A-Za-z0-9._-]{1,249}):)?(\d{1,10}):(\d{1,15})$/.exec(text) ?? []
  if (partition === undefined || offset === undefined)
    throw new InvalidArgumentError('Expected TOPIC:PARTITION:OFFSET, like orders:0:42.')
  return { topic: topic ?? null, partition: Number(partition), offset: Number(offset) }
}
