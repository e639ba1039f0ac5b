import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { cruise, type IConfiguration, type ICruiseResult } from 'dependency-cruiser'
import { afterAll, expect, it } from 'vitest'
import { projectRoot } from '../support/run-cli.ts'

/*
 * The rules of .dependency-cruiser.cjs on a house of two files each: `npm run rooms` says that the real house keeps them, this test
 * that a planted import breaks them.
 */

const rules = createRequire(import.meta.url)(join(projectRoot, '.dependency-cruiser.cjs')) as IConfiguration
const house = mkdtempSync(join(tmpdir(), 'house-'))
afterAll(() => rmSync(house, { recursive: true }))

/** `from` imports `to`; a name without a slash or dot is a package. */
const planted: ReadonlyArray<readonly [rule: string, from: string, to: string]> = [
  ['engine-knows-no-application', 'topology/stream.ts', 'processors/topics.ts'],
  ['engine-knows-no-application', 'state/store.ts', 'app/config/config.ts'],
  ['engine-knows-no-application', 'runtime/task/task.ts', 'processors/topics.ts'],
  ['engine-knows-no-application', 'infra/kafka/kafka.ts', 'app/http/routes.ts'],
  ['engine-knows-no-application', 'infra/kafka/kafka.ts', 'cli/program.ts'],
  ['engine-knows-no-application', 'infra/http/server.ts', 'app/http/ride-http.ts'],
  ['engine-knows-no-application', 'infra/http/cursor.ts', 'processors/events/kept-text.ts'],
  ['engine-knows-no-application', 'infra/config/variables.ts', 'processors/processor-names.ts'],
  ['state-stands-alone', 'state/store.ts', 'topology/index.ts'],
  ['topology-knows-state-ports', 'topology/stream.ts', 'state/stores/window.ts'],
  ['topology-knows-state-ports', 'topology/stream.ts', 'runtime/task/task.ts'],
  ['runtime-knows-ports', 'runtime/task/task.ts', 'infra/kafka/kafka.ts'],
  ['processors-use-the-face-of-topology', 'processors/trips/trips.ts', 'topology/dsl/kstream.ts'],
  ['processors-use-the-face-of-topology', 'processors/trips/trips.ts', 'state/index.ts'],
  ['processors-use-the-face-of-topology', 'processors/trips/trips.ts', 'infra/kafka/index.ts'],
  ['application-uses-faces', 'app/http/routes.ts', 'infra/kafka/kafka.ts'],
  ['application-uses-faces', 'app/http/routes.ts', 'topology/plan.ts'],
  ['application-uses-faces', 'app/http/routes.ts', 'infra/http/server.ts'],
  ['application-uses-faces', 'cli/commands/lag.ts', 'runtime/ports/log.ts'],
  ['app-below-cli', 'app/http/routes.ts', 'cli/output.ts'],
  ['page-stands-alone', 'infra/http/dashboard/page/main.ts', 'infra/http/dashboard/viewers.ts'],
  ['page-stands-alone', 'app/http/dashboard/page/application.ts', 'app/http/dashboard/tallies.ts'],
  ['exports-only-re-export', 'cli/program.ts', 'exports/index.ts'],
  ['exports-no-cli', 'exports/index.ts', 'cli/program.ts'],
  ['client-is-light', 'app/client/client.ts', 'runtime/index.ts'],
  ['no-tests-in-production', 'state/store.ts', 'test/support/random.ts'],
  ['no-client-inside', 'runtime/task/task.ts', 'fastify'],
  ['no-network-inside', 'topology/stream.ts', 'node:net'],
  ['state-no-kafka', 'state/store.ts', 'kafkajs'],
]

it.each(planted)('%s is broken when %s imports %s', async (rule, from, to) => {
  expect(await brokenBy([[from, to]])).toContain(rule)
})

it('two files that import each other break no-circular', async () => {
  const broken = await brokenBy([
    ['state/a.ts', 'state/b.ts'],
    ['state/b.ts', 'state/a.ts'],
  ])
  expect(broken).toEqual(['no-circular'])
})

it('imports in the right direction break no rule', async () => {
  const broken = await brokenBy([
    ['cli/program.ts', 'app/http/routes.ts'],
    ['cli/program.ts', 'infra/streams/index.ts'],
    ['app/http/routes.ts', 'processors/topics.ts'],
    ['app/http/views.ts', 'infra/http/index.ts'],
    ['processors/trips.ts', 'topology/index.ts'],
    ['processors/trips.ts', 'topology/json-schema/index.ts'],
    ['infra/kafka/kafka.ts', 'runtime/ports/log.ts'],
    ['runtime/task/task.ts', 'state/stores/window.ts'],
    ['topology/stream.ts', 'state/ports/serde.ts'],
  ])
  expect(broken).toEqual([])
})

it('every rule has an import here that breaks it', () => {
  const names = new Set([...planted.map(([rule]) => rule), 'no-circular'])
  expect(new Set(rules.forbidden?.map(({ name }) => name))).toEqual(names)
})

/** Names of the rules that these imports break. */
async function brokenBy(imports: ReadonlyArray<readonly [from: string, to: string]>): Promise<readonly string[]> {
  rmSync(house, { recursive: true })
  for (const [, to] of imports) {
    const isFile = to.endsWith('.ts')
    if (isFile) write(to, 'export const value = 1\n')
    else if (!to.startsWith('node:')) {
      write(`node_modules/${to}/package.json`, JSON.stringify({ name: to, version: '1.0.0', main: 'index.js' }))
      write(`node_modules/${to}/index.js`, 'module.exports = {}\n')
      write('package.json', JSON.stringify({ name: 'house', dependencies: { [to]: '1.0.0' } }))
    }
  }
  for (const [from, to] of imports) {
    const specifier = to.endsWith('.ts') ? relativeTo(from, to) : to
    write(from, `import * as planted from '${specifier}'\nexport const value = planted\n`)
  }
  const { tsConfig: _, ...options } = rules.options ?? {}
  const ruleSet = { forbidden: rules.forbidden ?? [] }
  const { output } = await cruise(['.'], { ...options, baseDir: house, ruleSet, validate: true })
  const { summary } = output as ICruiseResult
  return summary.violations.map((violation) => violation.rule.name)
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(house, path)), { recursive: true })
  writeFileSync(join(house, path), text)
}

function relativeTo(from: string, to: string): string {
  return `${'../'.repeat(from.split('/').length - 1)}${to}`
}
