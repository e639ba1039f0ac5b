import type { Command } from 'commander'
import { newCommand } from '../command.ts'
import { kafkaCommand } from '../commands/kafka.ts'
import { topologyCommand } from '../commands/topology.ts'
import { loadTopology } from './load-topology.ts'

/** The commands of the engine's package: those that are about no application. */
export function buildEngineProgram(): Command {
  return newCommand('ride-streams', 'Kafka Streams for Node')
    .addCommand(topologyCommand({ argument: '<module>', load: loadTopology }))
    .addCommand(kafkaCommand())
}
