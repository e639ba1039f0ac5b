import { runProcess } from '../process.ts'
import { buildEngineProgram } from './program.ts'

/** The command of the ride application's package: it has these commands and its own. */
const APPLICATION: string = 'ride-streams-rides/command'

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name)
    return true
  } catch {
    return false // an import would fail like this
  }
}

if (isInstalled(APPLICATION)) await import(APPLICATION)
else await runProcess(buildEngineProgram)
