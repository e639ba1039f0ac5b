import { type Command, Option } from 'commander'
import { counted } from '../../state/index.ts'
import type { Plan, TopologyDiff } from '../../topology/index.ts'
import type { DataOptions } from '../command.ts'
import { newTargetCommand, type TargetOptions, type Targets } from '../target.ts'

const FORMATS = ['text', 'json', 'mermaid'] as const

interface TopologyOptions extends TargetOptions {
  readonly format: (typeof FORMATS)[number]
}

export function topologyCommand(targets: Targets): Command {
  const print = newTargetCommand('topology', "print the topology; text is Kafka Streams' describe()")
    .addOption(new Option('--format <format>', 'how').choices(FORMATS).default('text'))
    .action(async (options: TopologyOptions) => topology(await targets.loadPlan(options), options))
  const compare = newTargetCommand(
    'diff',
    'what an upgrade from OLD.json (an earlier `topology --format json`) orphans or rebuilds',
  )
    .argument('<OLD.json>')
    .addHelpText('after', '\nExit code 1 when the upgrade orphans a topic or a store, so that a build can stop there.')
    .action(async (file: string) => {
      // The parent command has these options, too, and takes them.
      const options = compare.optsWithGlobals<TargetOptions>()
      await diff(file, await targets.loadPlan(options), options)
    })
  return print.addCommand(compare)
}

async function topology(built: Plan, options: TopologyOptions): Promise<void> {
  const { printJson, printText } = await import('../output.ts')

  const { TopologyDescription } = await import('../../topology/index.ts')
  const description = new TopologyDescription(built.describe())
  if (options.json || options.format === 'json') printJson(description.toJSON())
  else printText((options.format === 'mermaid' ? description.toMermaid() : description.toString()).trimEnd())
}

async function diff(file: string, built: Plan, options: DataOptions): Promise<void> {
  const { CommandFailedError } = await import('../errors.ts')
  const { printJson } = await import('../output.ts')
  const { topologyDiff } = await import('../../topology/index.ts')
  const { readTopologyJson } = await import('../topology-file.ts')

  const changes = topologyDiff(await readTopologyJson(file), built.describe())
  if (options.json) printJson(changes)
  else await printChanges(changes)
  const { length: topics } = changes.orphanedTopics
  const { length: stores } = changes.orphanedStores
  if (topics + stores === 0) return
  throw new CommandFailedError(`the upgrade orphans ${counted(topics, 'topic')} and ${counted(stores, 'store')}`)
}

async function printChanges(changes: TopologyDiff): Promise<void> {
  const { printLine, printRows } = await import('../output.ts')
  const rows = [
    ...changes.orphanedTopics.map((name) => ({ change: 'orphaned topic', name, why: 'nothing reads it any longer' })),
    ...changes.orphanedStores.map((name) => ({
      change: 'orphaned store',
      name,
      why: 'it is no longer in the topology',
    })),
    ...changes.rebuiltStores.map(({ name, why }) => ({ change: 'rebuilt store', name, why })),
    ...changes.newTopics.map((name) => ({ change: 'new topic', name, why: 'starts empty' })),
    ...changes.renumbered.map(({ from, to }) => ({
      change: 'renumbered',
      name: `${from} -> ${to}`,
      why: 'task names change',
    })),
  ]
  if (rows.length === 0) printLine('nothing is orphaned or rebuilt: the upgrade is free')
  else {
    printRows(
      rows,
      [
        { head: 'CHANGE', value: ({ change }) => change },
        { head: 'NAME', value: ({ name }) => name },
        { head: 'WHY', value: ({ why }) => why },
      ],
      false,
    )
  }
}
