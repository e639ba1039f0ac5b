import type { Command } from 'commander'
import { reportError } from './errors.ts'
import { run } from './run.ts'

/** Runs the command line of this process, and ends the process with its exit code. */
export async function runProcess(buildProgram: () => Command): Promise<never> {
  const args = process.argv.slice(2)
  // A reader that went away (`| head`) is no failure of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 0 : 1)
  })
  // Unhandled rejections come here too.
  process.on('uncaughtException', (error) => {
    process.exit(reportError(error, args.includes('--verbose')))
  })
  process.exit(await run(buildProgram(), args))
}
