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
}

async function topology(options: TopologyOptions): Promise<void> {
  const { loadConfig } = await import('../../infra/config/config.ts')
  const { printJson, printLine } = await import('../output.ts')
  const { buildRideTopology } = await import('../../processors/ride-topology.ts')

  const description = buildRideTopology(loadConfig(process.env)).describe()
  if (options.json || options.format === 'json') printJson(description.toJSON())
  else printLine((options.format === 'mermaid' ? description.toMermaid() : description.toString()).trimEnd())
}
