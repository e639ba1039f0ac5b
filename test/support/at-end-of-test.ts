import { type ChildProcess, spawn } from 'node:child_process'

/**
 * Runs a shell command when this process ends, however it ends (also by SIGKILL): a shell of its own waits for the end of its
 * stdin. `$0`, `$1`, ... are the arguments. Kill the returned process when there is nothing left to clean up.
 */
export function atEndOfTestProcess(command: string, args: readonly string[]): ChildProcess {
  const guard = spawn('/bin/sh', ['-c', `cat > /dev/null; ${command}`, ...args], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  guard.unref()
  const stdin = guard.stdin as (NodeJS.WritableStream & { unref?: () => void }) | null
  stdin?.unref?.()
  return guard
}
