import type { Command } from 'commander'
import { newCommand } from './command.ts'
import { auditCommand } from './commands/audit.ts'
import { addCompletion } from './commands/completion.ts'
import { devCommand } from './commands/dev.ts'
import { dlqCommand } from './commands/dlq.ts'
import { exportCommand } from './commands/export.ts'
import { groupsCommand } from './commands/groups.ts'
import { kafkaCommand } from './commands/kafka.ts'
import { lagCommand } from './commands/lag.ts'
import { queryCommand } from './commands/query.ts'
import { rebuildTripCommand } from './commands/rebuild-trip.ts'
import { replayCommand } from './commands/replay.ts'
import { resetCommand } from './commands/reset.ts'
import { simulateCommand } from './commands/simulate.ts'
import { startCommand } from './commands/start.ts'
import { topicsCommand } from './commands/topics.ts'
import { topologyCommand } from './commands/topology.ts'
import { verifyCommand } from './commands/verify.ts'
import { whyCommand } from './commands/why.ts'
import { rideTargets } from './ride-targets.ts'
import { withVersion } from './version.ts'

/** All commands. Each loads what it works with only when it runs: --help and usage errors stay fast. */
export function buildProgram(): Command {
  return addCompletion(withVersion(buildCommands()), buildCommands)
}

function buildCommands(): Command {
  return newCommand('ride-streams', 'Ride-hailing streams on Kafka, exactly once')
    .addHelpText(
      'after',
      '\nConfiguration comes from environment variables: docs/configuration.md\nCommands with --module work on any topology: docs/operating-your-topology.md',
    )
    .addCommand(devCommand())
    .addCommand(startCommand())
    .addCommand(simulateCommand())
    .addCommand(topicsCommand(rideTargets))
    .addCommand(topologyCommand(rideTargets))
    .addCommand(kafkaCommand())
    .addCommand(rebuildTripCommand())
    .addCommand(lagCommand(rideTargets))
    .addCommand(groupsCommand(rideTargets))
    .addCommand(verifyCommand(rideTargets))
    .addCommand(replayCommand(rideTargets))
    .addCommand(resetCommand(rideTargets))
    .addCommand(dlqCommand(rideTargets))
    .addCommand(whyCommand(rideTargets))
    .addCommand(queryCommand())
    .addCommand(exportCommand())
    .addCommand(auditCommand())
}
