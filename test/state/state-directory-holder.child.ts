import { StateDirectory } from '../../state/state-directory.ts'

// Holds the lock until it is killed; the listener keeps the process alive.
process.on('message', () => undefined)
const [stateDir, applicationId] = process.argv.slice(2) as [string, string]
const directory = await StateDirectory.open({ stateDir, applicationId })
process.send?.(directory.processId)
