import { type Command, Option } from 'commander'
import type { Topology } from '../../topology/index.ts'
import { type DataOptions, newDataCommand } from '../command.ts'

const FORMATS = ['text', 'json', 'mermaid'] as const

interface TopologyOptions extends DataOptions {
  readonly format: (typeof FORMATS)[number]
}

/** Where the topology comes from. */
export interface TopologySource {
  /** The last argument of the commands, if they have one for it. */
  readonly argument: string | null
  load(argument: string): Promise<Topology>
}

export function topologyCommand({ argument, load }: TopologySource): Command {
  const print = newDataCommand('topology', "print the topology; text is Kafka Streams' describe()")
    .addOption(new Option('--format <format>', 'how').choices(FORMATS).default('text'))
    .action(async (...given: unknown[]) => {
      const [options, module] = lastOptions<TopologyOptions>(given)
      await topology(await load(module), options)
    })
  const compare = newDataCommand(
    'diff',
    'what an upgrade from OLD.json (an earlier `topology --format json`) orphans or rebuilds',
  )
    .argument('<OLD.json>')
    .action(async (file: string, ...given: unknown[]) => {
      const [, module] = lastOptions(given)
      // The parent command has its own --json and takes the option.
      await diff(file, await load(module), compare.optsWithGlobals<DataOptions>())
    })
  if (argument !== null) for (const command of [print, compare]) command.argument(argument)
  return print.addCommand(compare)
}

/** Commander calls an action with the arguments, the options and the command. */
function lastOptions<T extends DataOptions>(given: readonly unknown[]): readonly [options: T, argument: string] {
  return [given.at(-2) as T, given.length > 2 ? String(given[0]) : '']
}

async function topology(built: Topology, options: TopologyOptions): Promise<void> {
  const { printJson, printText } = await import('../output.ts')

  const description = built.describe()
  if (options.json || options.format === 'json') printJson(description.toJSON())
  else printText((options.format === 'mermaid' ? description.toMermaid() : description.toString()).trimEnd())
}

async function diff(file: string, built: Topology, options: DataOptions): Promise<void> {
  const { printJson, printLine, printRows } = await import('../output.ts')
  const { topologyDiff } = await import('../../topology/index.ts')
  const { readTopologyJson } = await import('../topology-file.ts')

  const changes = topologyDiff(await readTopologyJson(file), built.describe().toJSON())
  if (options.json) {
    printJson(changes)
    return
  }
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
