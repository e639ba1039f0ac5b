import type { Command } from 'commander'
import type { Topology } from '../topology/index.ts'
import { newCommand } from './command.ts'
import { devCommand } from './commands/dev.ts'
import { dlqCommand } from './commands/dlq.ts'
import { kafkaCommand } from './commands/kafka.ts'
import { lagCommand } from './commands/lag.ts'
import { queryCommand } from './commands/query.ts'
import { rebuildTripCommand } from './commands/rebuild-trip.ts'
import { replayCommand } from './commands/replay.ts'
import { simulateCommand } from './commands/simulate.ts'
import { startCommand } from './commands/start.ts'
import { topicsCommand } from './commands/topics.ts'
import { topologyCommand } from './commands/topology.ts'
import { verifyCommand } from './commands/verify.ts'

async function loadRideTopology(): Promise<Topology> {
  const { loadRideConfig } = await import('../app/config/ride-config.ts')
  const { buildRideTopology } = await import('../processors/ride-topology.ts')
  return buildRideTopology(loadRideConfig(process.env))
}

/** All commands. Each loads what it works with only when it runs: --help and usage errors stay fast. */
export function buildProgram(): Command {
  return newCommand('ride-streams', 'Ride-hailing streams on Kafka, exactly once')
    .addHelpText('after', '\nConfiguration comes from environment variables: docs/configuration.md')
    .addCommand(devCommand())
    .addCommand(startCommand())
    .addCommand(simulateCommand())
    .addCommand(topicsCommand())
    .addCommand(topologyCommand({ argument: null, load: loadRideTopology }))
    .addCommand(kafkaCommand())
    .addCommand(rebuildTripCommand())
    .addCommand(lagCommand())
    .addCommand(verifyCommand())
    .addCommand(replayCommand())
    .addCommand(dlqCommand())
    .addCommand(queryCommand())
}
