/*
 * `npm run test:package`: packs both packages and uses the tarballs in empty projects, as other services would: what an install of the engine
 * costs, every tool and Node that docs/package.md names, types under strict, and the application with a broker, by its command.
 */
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { AIMS, importTime, installSize } from './install-size.ts'
import { newProject, type Packed, pack, ROOT, run, say } from './packed.ts'
import { runRides } from './run-rides.ts'
import { tryTools } from './try-tools.ts'

/** The oldest Node that `engines` allows, as npm installs it for this platform. */
async function oldestNode(directory: string): Promise<string> {
  const { engines } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { engines: { node: string } }
  const version = /^>=(\d+\.\d+)$/.exec(engines.node)?.[1]
  if (version === undefined) throw new Error(`engines.node is ${engines.node}`)
  const folder = join(directory, 'oldest-node')
  await newProject(folder, [`node-${process.platform}-${process.arch}@${version}.0`], [])
  return join(folder, 'node_modules', '.bin', 'node')
}

/** Installs the engine alone, compares the install with its aims, and returns those that it misses. */
async function measure(directory: string, { engine }: Packed, oldest: string): Promise<readonly string[]> {
  const project = join(directory, 'bare')
  await newProject(project, [engine], [])
  const size = await installSize(project)
  const rows: Array<readonly [what: string, found: number, aim: number]> = [
    ['installed, MB', size.megabytes, AIMS.megabytes],
    ['packages', size.packages, AIMS.packages],
  ]
  for (const node of [process.execPath, oldest]) {
    const { stdout: version } = await run(node, ['--version'])
    for (const name of ['ride-streams', 'ride-streams/testing']) {
      rows.push([`import '${name}', ms, Node ${version.trim()}`, await importTime(node, project, name), AIMS.importMs])
    }
  }
  say(`\n| the engine alone | measured | aim |\n|---|---|---|`)
  for (const [what, found, aim] of rows) say(`| ${what} | ${found.toFixed(0)} | < ${aim} |`)
  say('')
  return rows.filter(([, found, aim]) => found >= aim).map(([what]) => what)
}

/** Installs both packages, and uses them with a broker. */
async function useBoth(directory: string, { engine, rides }: Packed, oldest: string): Promise<void> {
  const project = join(directory, 'both')
  await newProject(project, [engine, rides], ['typescript', '@types/node', 'esbuild'])
  await cp(join(import.meta.dirname, 'project'), project, { recursive: true })
  await run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.'], { cwd: project }).catch(
    (error: { stdout: string }) => {
      throw new Error(error.stdout)
    },
  )
  say('both packages: types hold')
  await runRides(project, join(directory, 'kafka'), oldest)
}

async function main(directory: string): Promise<void> {
  const packed = await pack(directory)
  const oldest = await oldestNode(directory)
  const missed = await measure(directory, packed, oldest)
  await tryTools(directory, packed, oldest)
  await useBoth(directory, packed, oldest)
  // A busy machine misses times, and the rest is worth knowing all the same.
  if (missed.length > 0) throw new Error(`missed: ${missed.join(', ')}`)
}

// npm itself runs on this Node, whatever else is on the PATH.
process.env.PATH = `${dirname(process.execPath)}:${process.env.PATH}`
const directory = await mkdtemp(join(tmpdir(), 'ride-package-'))
try {
  await main(directory)
} finally {
  await rm(directory, { recursive: true, force: true })
}
