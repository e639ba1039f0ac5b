import { type Command, Option } from 'commander'
import { type DataOptions, newDataCommand } from '../command.ts'

const FORMATS = ['text', 'json', 'mermaid'] as const

interface TopologyOptions extends DataOptions {
  readonly format: (typeof FORMATS)[number]
}

export function topologyCommand(): Command {
  return newDataCommand('topology', "print the topology; text is Kafka Streams' describe()")
    .addOption(new Option('--format <format>', 'how').choices(FORMATS).default('text'))
    .action(topology)
    .addCommand(
      newDataCommand('diff', 'what an upgrade from OLD.json (an earlier `topology --format json`) orphans or rebuilds')
        .argument('<OLD.json>')
        .action(diff),
    )
}

async function topology(options: TopologyOptions): Promise<void> {
  const { loadRideConfig } = await import('../../app/config/ride-config.ts')
  const { printJson, printText } = await import('../output.ts')
  const { buildRideTopology } = await import('../../processors/ride-topology.ts')

  const description = buildRideTopology(loadRideConfig(process.env)).describe()
  if (options.json || options.format === 'json') printJson(description.toJSON())
  else printText((options.format === 'mermaid' ? description.toMermaid() : description.toString()).trimEnd())
}

async function diff(file: string, _options: DataOptions, command: Command): Promise<void> {
  // The parent command has its own --json and takes the option.
  const options: DataOptions = command.optsWithGlobals()
  const { loadRideConfig } = await import('../../app/config/ride-config.ts')
  const { printJson, printLine, printRows } = await import('../output.ts')
  const { buildRideTopology } = await import('../../processors/ride-topology.ts')
  const { topologyDiff } = await import('../../topology/index.ts')
  const { readTopologyJson } = await import('../topology-file.ts')

  const changes = topologyDiff(
    await readTopologyJson(file),
    buildRideTopology(loadRideConfig(process.env)).describe().toJSON(),
  )
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
