import { type Command, CommanderError } from 'commander'
import { EXIT_OK, EXIT_USAGE, reportError } from './errors.ts'

/** Runs one command line; resolves with the exit code: 0 done, 1 failed, 2 wrong usage or configuration. */
export async function run(program: Command, args: readonly string[]): Promise<number> {
  try {
    await program.parseAsync([...args], { from: 'user' })
    return EXIT_OK
  } catch (error) {
    // Commander has printed its own message (help, version or one line on stderr).
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE
    return reportError(error, args.includes('--verbose'))
  }
}
