import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { projectRoot } from '../support/run-cli.ts'

/*
 * `ride-streams --help` is to take less than 300 ms on an idle machine. What it costs is what it loads, and that is the same on every
 * machine: so the modules are counted.
 */

/** Prints the help of a program, and on stderr the URLs of all modules that this has loaded. */
const LIST_LOADED = `
import { registerHooks } from 'node:module'
const loaded = []
registerHooks({ load: (url, context, next) => { loaded.push(url); return next(url, context) } })
const [program, name, runner] = process.argv.slice(1)
const { [name]: build } = await import(program)
const { run } = await import(runner)
const code = await run(build(), ['--help'])
process.stderr.write(JSON.stringify(loaded))
process.exit(code)
`

const MOST_MODULES = 60

it.each([
  ['the application', 'cli/program.ts', 'buildProgram'],
  ["the engine's package", 'cli/engine/program.ts', 'buildEngineProgram'],
])('--help of %s loads the commands and what parses them, and nothing that runs one', async (_whose, program, name) => {
  const [url, runner] = [program, 'cli/run.ts'].map((file) => pathToFileURL(join(projectRoot, file)).href)
  const args = ['--input-type=module', '-e', LIST_LOADED, url ?? '', name, runner ?? '']
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { env: {} })
  expect(stdout).toMatch(/^Usage: ride-streams /)
  const files = (JSON.parse(stderr) as string[])
    .filter((loaded) => loaded.startsWith('file:'))
    .map((loaded) => loaded.slice(pathToFileURL(projectRoot).href.length + 1))
  const rooms = new Set(files.map((file) => file.split('/').slice(0, 2).join('/')))
  expect([...rooms].filter((room) => !/^(?:cli\/|state\/)/.test(room)).sort()).toEqual([
    'infra/terminal',
    'node_modules/commander',
  ])
  expect(files.length).toBeLessThan(MOST_MODULES)
})
