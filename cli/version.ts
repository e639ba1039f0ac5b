import { createRequire } from 'node:module'
import { type Command, CommanderError } from 'commander'

/** Adds --version. Both packages have one version, and `ride-streams` is beside either; it is read when somebody asks. */
export function withVersion(program: Command): Command {
  return program.option('--version', 'print the version').on('option:version', () => {
    const { version } = createRequire(import.meta.url)('ride-streams/package.json') as { version: string }
    process.stdout.write(`${version}\n`)
    throw new CommanderError(0, 'commander.version', version)
  })
}
