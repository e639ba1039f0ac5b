import type { Command } from 'commander'
import { wholeNumber } from '../command.ts'
import { newTargetCommand, type TargetOptions, type Targets } from '../target.ts'

interface VerifyOptions extends TargetOptions {
  readonly limit: number
}

const DEFAULT_LIMIT = 20
/** Transactions of a dead instance are over by then. */
const BROKER_PATIENCE_MS = 60_000

/** The engine's `verify`: stores against changelogs. What outputs should hold is an application's own knowledge. */
export function engineVerifyCommand(targets: Targets): Command {
  return newTargetCommand('verify', 'compare the stores in STATE_DIR with their changelogs; no instance may use it')
    .option('--limit <n>', 'differences shown per store; 0 = all', wholeNumber(0, 1e9), DEFAULT_LIMIT)
    .addHelpText('after', '\nExit code 1 when anything differs.')
    .action(async (options: VerifyOptions) => {
      const { verifyLocal } = await import('../verify-local.ts')
      const { limit, json = false } = options
      await verifyLocal(await targets.load(options), { limit, json, patienceMs: BROKER_PATIENCE_MS })
    })
}
