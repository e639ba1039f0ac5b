import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { rideVariables } from '../../app/config/ride-variables.ts'
import { buildProgram } from '../../cli/program.ts'
import { variables } from '../../infra/config/variables.ts'
import { chaosOptions } from '../chaos/chaos-options.ts'
import { isRunnable, projectRoot } from '../support/run-cli.ts'

const read = (path: string): string => readFileSync(join(projectRoot, path), 'utf8')
const docs = readdirSync(join(projectRoot, 'docs'), { recursive: true, encoding: 'utf8' })
const pages = [
  'README.md',
  'RELIABILITY.md',
  'BENCHMARKS.md',
  'CHANGELOG.md',
  ...docs.map((file) => `docs/${file}`),
].filter((file) => file.endsWith('.md'))
const scripts = (JSON.parse(read('package.json')) as { scripts: Record<string, string> }).scripts

/** Every `bin/ride-streams ...` in code spans and blocks. */
function commandLines(text: string): string[] {
  return [...text.matchAll(/bin\/ride-streams((?: [^\s`|#)>&]+)+)/g)].map(([, args = '']) => args.trim())
}

/** All .ts files below. */
const sources = (folder: string): string[] =>
  readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file))

/** An argument of commands, and variables of Node's. */
const OTHER_NAMES = ['SCHEMA_REGISTRY_URL', 'TRIP_ID', 'NODE_EXTRA_CA_CERTS', 'NODE_COMPILE_CACHE', 'OUTPUT_SCHEMAS']

const errorCodes = ['state', 'runtime', 'infra', 'app']
  .flatMap(sources)
  .flatMap((file) => [...read(file).matchAll(/'([A-Z]+_[A-Z_]+)'/g)].map(([, code = '']) => code))

/** The anchors that GitHub makes of headings. */
const anchorsOf = (text: string): string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )

/** The checkable parts of the pages. */
const npmCommands = (text: string) => [...text.matchAll(/\bnpm (run (?:-s )?)?([a-z:]+(?:-[a-z]+)*)/g)]
const chaosLines = (text: string) => [...text.replaceAll(/\\\n\s*/g, '').matchAll(/[`\n]npm run chaos -- ([^`\n]+)/g)]
const links = (text: string) => [...text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)]
const upperNames = (text: string) => [...text.matchAll(/`([A-Z][A-Z0-9]*_[A-Z0-9_]+)(?:=[^`]*)?`/g)]

/** npm's own. */
const NPM_COMMANDS = ['ci', 'install', 'pack']

/** Goes down the commands as far as the words name some; throws commander's error for a wrong option. */
function parse(line: string): Command {
  let command = buildProgram()
  const words = line.split(' ')
  for (let next = command; next !== undefined; ) {
    command = next
    const found = command.commands.find((child) => child.name() === words[0])
    if (found === undefined) break
    words.shift()
    next = found
  }
  expect([line, isRunnable(command)]).toEqual([line, true])
  command.configureOutput({ writeErr: () => {}, outputError: () => {} })
  const { operands, unknown } = command.parseOptions(words)
  expect([line, unknown]).toEqual([line, []])
  const required = command.registeredArguments.filter((argument) => argument.required).length
  const most = command.registeredArguments.some(({ variadic }) => variadic)
    ? Infinity
    : command.registeredArguments.length
  expect([line, operands.length >= required && operands.length <= most]).toEqual([line, true])
  return command
}

describe.each(pages)('%s', (page) => {
  it('shows only command lines that the program accepts', () => {
    for (const line of commandLines(read(page))) parse(line)
  })

  it('names only npm scripts that exist', () => {
    for (const [command, , name = ''] of npmCommands(read(page))) {
      expect([command, NPM_COMMANDS.includes(name) || name in scripts]).toEqual([command, true])
    }
  })

  it('shows only chaos commands that exist', () => {
    for (const [, args = ''] of chaosLines(read(page))) chaosOptions(args.split(' '))
  })

  it('links only to files and headings that exist', () => {
    for (const [link, path = '', anchor] of links(read(page))) {
      const target = path === '' ? page : join(page, '..', path)
      const isThere = existsSync(join(projectRoot, target))
      expect([link, isThere && (anchor === undefined || anchorsOf(read(target)).includes(anchor))]).toEqual([
        link,
        true,
      ])
    }
  })

  it('names only environment variables and error codes that exist', () => {
    const known = new Set<string>([
      ...Object.values({ ...variables, ...rideVariables }).map(({ env }) => env),
      ...errorCodes,
      ...OTHER_NAMES,
    ])
    for (const [, name = ''] of upperNames(read(page))) {
      expect([name, known.has(name)]).toEqual([name, true])
    }
  })
})

it('every pattern of this test file matches something', () => {
  const text = pages.map(read).join('\n')
  const all = { commandLines, npmCommands, chaosLines, links, upperNames, anchorsOf }
  const found = Object.entries(all).map(([name, find]) => [name, find(text).length > 3])
  expect(found).toEqual(Object.keys(all).map((name) => [name, true]))
  expect(links(text).filter(([, , anchor]) => anchor !== undefined).length).toBeGreaterThan(3)
  expect(errorCodes.length).toBeGreaterThan(20)
})

it('README begins with the two commands', () => {
  const readme = read('README.md')
  expect(readme).toMatch(/^npm ci && npm start\b/m)
  expect(readme).toMatch(/^npm ci && npm test\b/m)
  expect(scripts.start).toBe('bin/ride-streams dev')
  expect(commandLines(readme).length).toBeGreaterThan(5)
})

it('every command that a page shows runs', () => {
  // Not those that only look at how words are refused or shown.
  const files = sources('test')
    .filter((file) => !/(usage|readme)\.test\.ts$/.test(file))
    .map(read)
    .join('\n')
  const shown = new Set(pages.flatMap((page) => commandLines(read(page)).map((line) => pathOf(parse(line)))))
  expect(shown.size).toBeGreaterThan(15)
  const isRun = (words: string): boolean => {
    // ['dlq', 'list', ...] or 'dlq list ...'
    return new RegExp(`['"\`]${words.split(' ').join(`(?: |', ')`)}[ '"\`]`).test(files)
  }
  expect([...shown].filter((words) => !isRun(words))).toEqual([])
})

/** The words that name a command. */
function pathOf(command: Command): string {
  const words: string[] = []
  for (let at: Command | null = command; at?.parent != null; at = at.parent) words.unshift(at.name())
  return words.join(' ')
}
