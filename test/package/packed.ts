import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

export const ROOT = join(import.meta.dirname, '..', '..')
export const run = promisify(execFile)
export const say = (text: string): boolean => process.stdout.write(`${text}\n`)

/** A bundle leaves these outside: no bundler can put binaries into a file, and optional packages may be missing. */
export const OUTSIDE = ['classic-level', '@node-rs/crc32', 'lz4-napi', '@opentelemetry/*']

/** Packages that the tests bring along, by the version of package.json where it has them. */
export type Tool = string

interface Answer {
  readonly name: string
  readonly filename: string
  readonly size: number
  readonly files: ReadonlyArray<{ readonly path: string }>
}

/** The tarballs of both packages. */
export interface Packed {
  readonly engine: string
  readonly rides: string
}

const EVERYWHERE = /^(package\.json|README\.md|LICENSE|dist\/.+\.(js|d\.ts))$/
const KNOWN: Readonly<Record<string, RegExp>> = {
  'ride-streams':
    /^(bin\/ride-streams|dist\/(infra\/local-kafka\/watched\.sh|infra\/http\/dashboard\/page\/.+|THIRD-PARTY-LICENSES\.md)|(docs|examples)\/.+|(BENCHMARKS|CHANGELOG|RELIABILITY)\.md|test\/(load-tests\/STRESS_TEST_REPORT|differential\/README)\.md)$/,
  'ride-streams-rides': /^dist\/(bin\/ride-streams-rides|data\/.+\.csv|app\/http\/dashboard\/page\/.+)$/,
}

/** Builds and packs both packages. @throws Error when one has a file that belongs into none */
export async function pack(to: string): Promise<Packed> {
  const args = ['run', '-s', 'pack', '--', '--json', '--pack-destination', to]
  const { stdout } = await run('npm', args, { cwd: ROOT, maxBuffer: 1 << 24 })
  const answers = Object.values(JSON.parse(stdout.slice(stdout.search(/^[[{]/m))) as Record<string, Answer>)
  for (const { name, files, filename, size } of answers) {
    const odd = files.map(({ path }) => path).filter((path) => !EVERYWHERE.test(path) && !KNOWN[name]?.test(path))
    if (odd.length > 0) throw new Error(`these do not belong into ${name}: ${odd.join(', ')}`)
    say(`packed ${filename}: ${files.length} files, ${Math.round(size / 1024)} kB`)
  }
  const tarball = (wanted: string): string => {
    const found = answers.find(({ name }) => name === wanted)
    if (found === undefined) throw new Error(`npm pack made no ${wanted}: ${stdout}`)
    return join(to, found.filename)
  }
  return { engine: tarball('ride-streams'), rides: tarball('ride-streams-rides') }
}

/** Makes a project and installs these into it with npm, no install script run. */
export async function newProject(folder: string, packages: readonly string[], tools: readonly Tool[]): Promise<void> {
  await mkdir(folder)
  await writeFile(join(folder, 'package.json'), '{"name":"somebody-else","private":true,"type":"module"}\n')
  const flags = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund']
  await run('npm', ['install', ...flags, ...packages, ...(await versioned(tools))], { cwd: folder })
}

async function versioned(tools: readonly Tool[]): Promise<readonly string[]> {
  const { devDependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>
  }
  return tools.map((name) => (devDependencies[name] === undefined ? name : `${name}@${devDependencies[name]}`))
}
