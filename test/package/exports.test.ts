import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { projectRoot } from '../support/run-cli.ts'

/* Checks of the package that need no build; `npm run test:package` builds, installs and uses it. */

interface PackageJson {
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly scripts: Readonly<Record<string, string>>
}
const { exports, scripts } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as PackageJson

it('the package exports the built files of exports/', () => {
  const names = readdirSync(join(projectRoot, 'exports')).map((file) => file.replace(/\.ts$/, ''))
  const expected = names.map((name) => [
    name === 'index' ? '.' : `./${name}`,
    { types: `./dist/exports/${name}.d.ts`, default: `./dist/exports/${name}.js` },
  ])
  expect(exports).toEqual({ ...Object.fromEntries(expected), './package.json': './package.json' })
})

it('the build copies every file of the rooms that is not TypeScript', () => {
  const copied = [...(scripts.build ?? '').matchAll(/cp (?:-R )?(\S+)/g)].map(([, path = '']) => path)
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
