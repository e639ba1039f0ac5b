import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { READ_AT_RUN_TIME } from '../../packaging/rooms.ts'
import { projectRoot } from '../support/run-cli.ts'

/* Checks of the package that need no build; `npm run test:package` builds, installs and uses it. */

interface PackageJson {
  readonly version: string
  readonly main?: string
  readonly types?: string
  readonly typesVersions: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>
  readonly files: readonly string[]
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional: boolean }>>
}
const json = (path: string) => JSON.parse(readFileSync(join(projectRoot, path), 'utf8')) as PackageJson
const engine = json('package.json')
const application = json('packaging/rides/package.json')

function built(names: readonly string[], folder = 'exports') {
  const targets = names.map((name) => [
    name === 'index' ? '.' : `./${name}`,
    { types: `./dist/${folder}/${name}.d.ts`, default: `./dist/${folder}/${name}.js` },
  ])
  return Object.fromEntries(targets) as Readonly<Record<string, Readonly<Record<string, string>>>>
}

/** In a checkout the command takes the sources, so that a module of a user's has the engine that runs it. */
function withSources(names: readonly string[]) {
  const sources = Object.fromEntries(
    names.map((name) => [name === 'index' ? '.' : `./${name}`, `./exports/${name}.ts`]),
  )
  return Object.fromEntries(
    Object.entries(built(names)).map(([name, target]) => [name, { 'ride-streams-source': sources[name], ...target }]),
  )
}

it("the engine's package exports the built files of exports/, and faces of its rooms for the application's", () => {
  const names = readdirSync(join(projectRoot, 'exports')).map((file) => file.replace(/\.ts$/, ''))
  const faces = { './internal/*': { types: './dist/*/index.d.ts', default: './dist/*/index.js' } }
  expect(engine.exports).toEqual({ ...withSources(names), ...faces, './package.json': './package.json' })
})

it("the application's package exports events, client and its command", () => {
  const rest = { './command': './dist/cli/main.js', './package.json': './package.json' }
  expect(application.exports).toEqual({ ...built(['client', 'events']), ...rest })
})

it('TypeScript that reads no exports (moduleResolution node10) finds the types of all imports', () => {
  const typed = (names: readonly string[]) => ({
    '*': Object.fromEntries(names.map((name) => [name, [`./dist/exports/${name}.d.ts`]])),
  })
  expect([engine.main, engine.types]).toEqual(['./dist/exports/index.js', './dist/exports/index.d.ts'])
  expect(engine.typesVersions).toEqual(typed(['client', 'events', 'serdes', 'serve', 'testing']))
  expect(application.typesVersions).toEqual(typed(['client', 'events']))
})

it('the two packages have one version and need each other by it', () => {
  const needed = [application.version, application.dependencies['ride-streams']]
  expect([...needed, engine.peerDependencies['ride-streams-rides']]).toEqual(Array(3).fill(engine.version))
})

it('the engine needs three packages with binaries; all others are optional, or copied in by the build', () => {
  expect(Object.keys(engine.dependencies)).toEqual(['@node-rs/crc32', 'classic-level', 'lz4-napi'])
  const optional = Object.keys(engine.peerDependencies).map((name) => [name, { optional: true }])
  expect(engine.peerDependenciesMeta).toEqual(Object.fromEntries(optional))
})

it('the build copies every file of the rooms that is not TypeScript', () => {
  const copied = [...READ_AT_RUN_TIME.engine, ...READ_AT_RUN_TIME.application]
  for (const path of copied) expect([path, existsSync(join(projectRoot, path))]).toEqual([path, true])
  const left = ['app', 'processors', 'topology', 'state', 'runtime', 'infra', 'cli', 'exports']
    .flatMap((room) =>
      readdirSync(join(projectRoot, room), { recursive: true, encoding: 'utf8' }).map((f) => `${room}/${f}`),
    )
    .filter((path) => /\.\w+$/.test(path) && !path.endsWith('.ts'))
    .filter((path) => !copied.some((from) => path === from || path.startsWith(`${from}/`)))
  expect(left).toEqual([])
})

it('docs/package.md shows the programs that the tests run', () => {
  const page = readFileSync(join(projectRoot, 'docs', 'package.md'), 'utf8')
  for (const name of ['driver', 'vehicles']) {
    const program = readFileSync(join(projectRoot, 'test', 'package', 'project', `${name}.ts`), 'utf8')
    expect(page).toContain(`\`\`\`ts\n${program.trim()}\n\`\`\``)
  }
  // Parts of the long one.
  const lines = new Set(
    readFileSync(join(projectRoot, 'test', 'package', 'project', 'rides.ts'), 'utf8')
      .split('\n')
      .map((line) => line.trim()),
  )
  const shown = page
    .split('<!-- rides.ts -->')
    .slice(1)
    .map((part) => /```ts\n([\s\S]*?)```/.exec(part)?.[1] ?? '')
  expect(shown.length).toBeGreaterThan(2)
  for (const line of shown.join('\n').split('\n')) expect([line, lines.has(line.trim())]).toEqual([line, true])
})

it('packed pages link only to what is packed', () => {
  // No pages are built.
  const packed = [...engine.files.filter((name) => name !== 'dist'), 'README.md', 'LICENSE']
  const isPacked = (path: string) => packed.some((name) => path === name || path.startsWith(`${name}/`))
  const pages = packed.flatMap((name) =>
    statSync(join(projectRoot, name)).isDirectory()
      ? readdirSync(join(projectRoot, name), { recursive: true, encoding: 'utf8' }).map((file) => `${name}/${file}`)
      : [name],
  )
  const links = pages
    .filter((page) => page.endsWith('.md'))
    .flatMap((page) =>
      [...readFileSync(join(projectRoot, page), 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(
        ([, to = '']) => [page, join(page, '..', to).replace(/\/$/, '')] as const,
      ),
    )
  expect(links.length).toBeGreaterThan(100)
  expect(links.filter(([, to]) => !isPacked(to))).toEqual([])
})
