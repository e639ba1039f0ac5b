import type { Command } from 'commander'
import { newCommand } from '../command.ts'
import { addCompletion } from '../commands/completion.ts'
import { dlqCommand } from '../commands/dlq.ts'
import { groupsCommand } from '../commands/groups.ts'
import { kafkaCommand } from '../commands/kafka.ts'
import { lagCommand } from '../commands/lag.ts'
import { replayCommand } from '../commands/replay.ts'
import { resetCommand } from '../commands/reset.ts'
import { topicsCommand } from '../commands/topics.ts'
import { topologyCommand } from '../commands/topology.ts'
import { whyCommand } from '../commands/why.ts'
import type { Targets } from '../target.ts'
import { withVersion } from '../version.ts'
import { engineVerifyCommand } from './verify.ts'

/** Loads the engine only when a command runs: --help and usage errors stay fast. */
const targets: Targets = {
  load: async (options) => (await import('./module-target.ts')).moduleTargets.load(options),
  loadPlan: async (options) => (await import('./module-target.ts')).moduleTargets.loadPlan(options),
}

/** The commands of the engine's package: those that are about no application. */
export function buildEngineProgram(): Command {
  return addCompletion(withVersion(buildCommands()), buildCommands)
}

function buildCommands(): Command {
  return newCommand('ride-streams', 'Kafka Streams for Node')
    .addHelpText(
      'after',
      '\nCommands with --module work on your topology: docs/operating-your-topology.md\nConfiguration comes from environment variables: docs/configuration.md',
    )
    .addCommand(topologyCommand(targets))
    .addCommand(topicsCommand(targets))
    .addCommand(lagCommand(targets))
    .addCommand(groupsCommand(targets))
    .addCommand(dlqCommand(targets))
    .addCommand(whyCommand(targets))
    .addCommand(engineVerifyCommand(targets))
    .addCommand(replayCommand(targets))
    .addCommand(resetCommand(targets))
    .addCommand(kafkaCommand())
}
