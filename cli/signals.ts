/** Exit code of a process that got a second signal before its clean close had ended. */
const EXIT_FORCED = 130

export interface ShutdownRequest {
  /** Resolves at the first SIGINT or SIGTERM. */
  readonly requested: Promise<NodeJS.Signals>
  /** Aborts at the same moment. */
  readonly signal: AbortSignal
}

/** Takes over SIGINT and SIGTERM: the first asks for a clean close, the second ends the process at once. */
export function onShutdown(): ShutdownRequest {
  const controller = new AbortController()
  const requested = new Promise<NodeJS.Signals>((resolve) => {
    const handle = (signal: NodeJS.Signals): void => {
      if (controller.signal.aborted) process.exit(EXIT_FORCED)
      controller.abort()
      resolve(signal)
    }
    process.on('SIGINT', handle)
    process.on('SIGTERM', handle)
  })
  return { requested, signal: controller.signal }
}
