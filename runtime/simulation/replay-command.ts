import { fileURLToPath } from 'node:url'

/** The variable that makes simulate() run one seed. */
export const SEED_VARIABLE = 'SIMULATE_SEED'

/** The file that called the function, by its stack; null when the stack does not tell. A test file goes before its helpers. */
export function callerOf(called: (...given: never[]) => unknown): string | null {
  const place: { stack?: string } = {}
  Error.captureStackTrace(place, called)
  const files = [...(place.stack ?? '').matchAll(/(?:file:\/\/)?(\/[^\s():]+|[A-Za-z]:[\\/][^\s():]+):\d+:\d+/g)].map(
    ([found, path = '']) => (found.startsWith('file://') ? fileURLToPath(`file://${path}`) : path),
  )
  return files.find((file) => /\.(?:test|spec)\.\w+$/.test(file)) ?? files[0] ?? null
}

/** One command that runs the seed again, for the test runner that this process belongs to. */
export function replayCommand(seed: number, file: string | null): string {
  const { env, argv, execArgv } = process
  const path = file === null ? '' : ` ${relative(file)}`
  const set = `${SEED_VARIABLE}=${seed}`
  if (env.VITEST !== undefined) return `${set} npx vitest run${path}`
  if (env.JEST_WORKER_ID !== undefined) return `${set} ${nodeOptions(env.NODE_OPTIONS, execArgv)}npx jest${path}`
  if (env.NODE_TEST_CONTEXT !== undefined) return `${set} node --test${path}`
  return [set, 'node', ...execArgv, relative(argv[1] ?? ''), ...argv.slice(2)].join(' ')
}

function relative(file: string): string {
  const folder = `${process.cwd()}/`
  return file.startsWith(folder) ? file.slice(folder.length) : file
}

/** ECMAScript modules in jest need an option of Node (--experimental-vm-modules), which npx does not pass on by itself. */
function nodeOptions(given: string | undefined, execArgv: readonly string[]): string {
  const options = [...new Set([...(given ?? '').split(' '), ...execArgv])].filter((option) => option !== '').join(' ')
  if (options === '') return ''
  return `NODE_OPTIONS=${options.includes(' ') ? `'${options}'` : options} `
}
