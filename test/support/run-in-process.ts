import { buildProgram } from '../../cli/program.ts'
import { run } from '../../cli/run.ts'
import type { CliEnv, CliResult } from './run-cli.ts'

/**
 * Runs one command line in this process, as cli/main.ts does in its own: most commands take a fraction of the time that a program
 * needs to start. Environment and output are the command's until it ends, so commands run one after another. Not for `start` and
 * `dev`, which end by a signal.
 */
export async function runInProcess(
  args: readonly string[],
  env: CliEnv = {},
  build = buildProgram,
): Promise<CliResult> {
  const outside = { env: process.env, handlers: signalHandlers() }
  const stdout = capture(process.stdout)
  const stderr = capture(process.stderr)
  process.env = { ...env }
  try {
    const code = await run(build(), args)
    return { code, signal: null, stdout: stdout.text(), stderr: stderr.text() }
  } finally {
    process.env = outside.env
    stdout.end()
    stderr.end()
    // A process that ends takes its handlers with it.
    for (const { signal, handler } of signalHandlers()) {
      if (!outside.handlers.some((one) => one.handler === handler)) process.off(signal, handler)
    }
  }
}

function signalHandlers() {
  return (['SIGINT', 'SIGTERM'] as const).flatMap((signal) =>
    process.listeners(signal).map((handler) => ({ signal, handler })),
  )
}

function capture(stream: NodeJS.WriteStream) {
  const { write } = stream
  let text = ''
  stream.write = (chunk: string | Uint8Array): boolean => {
    text += String(chunk)
    return true
  }
  return {
    text: () => text,
    end: () => {
      stream.write = write
    },
  }
}
