import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { buildEngineProgram } from '../../cli/engine/program.ts'
import { runInProcess } from '../support/run-in-process.ts'
import { APPLICATION_ID, wordCount } from './word-count.ts'

/* The command of the engine's package, which knows no rides. */

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'engine-program-'))
})
afterAll(() => rm(folder, { recursive: true }))

const engine = (...args: string[]) => runInProcess(args, {}, buildEngineProgram)

async function file(name: string, text: string): Promise<string> {
  await writeFile(join(folder, name), text)
  return join(folder, name)
}

it('has the commands that are about no application', () => {
  expect(buildEngineProgram().commands.map((command) => command.name())).toEqual([
    'topology',
    'topics',
    'lag',
    'groups',
    'dlq',
    'why',
    'verify',
    'replay',
    'reset',
    'kafka',
    'completion',
    'complete',
  ])
})

it('prints the topology that a module exports', async () => {
  const { code, stdout } = await engine('topology', '--module', 'examples/01-word-count.ts')
  expect([code, stdout.split('\n').slice(0, 3)]).toEqual([
    0,
    ['Topologies:', '   Sub-topology: 0', '    Source: KSTREAM-SOURCE-0000000000 (topics: [lines])'],
  ])
})

it('prints the plan that a module builds, as the topology of that plan', async () => {
  const { code, stdout } = await engine(
    ...['topology', '--module', 'test/cli/word-count.ts', '--application-id', APPLICATION_ID],
  )
  expect([code, stdout]).toEqual([0, `${wordCount(APPLICATION_ID).describe().toString().trimEnd()}\n`])
})

it('compares it with an earlier one', async () => {
  const { stdout: json } = await engine('topology', '--module', 'examples/03-windows.ts', '--format', 'json')
  const old = await file('old.json', json)
  const { code, stdout } = await engine('topology', 'diff', old, '--module', 'examples/01-word-count.ts', '--json')
  const { orphanedStores, newTopics } = JSON.parse(stdout) as { orphanedStores: string[]; newTopics: string[] }
  expect([code, orphanedStores, newTopics]).toEqual([1, ['views-per-minute'], ['counts-repartition']])
})

it('says in one line what is wrong with a module', async () => {
  const empty = await file('empty.mjs', 'export const something = 1\n')
  const absent = join(folder, 'absent.mjs')
  const noTopology = await engine('topology', '--module', empty)
  expect([noTopology.code, noTopology.stderr]).toEqual([
    2,
    `ride-streams: file://${empty} exports no topology (export const topology = builder.build()), and no function buildPlan\n`,
  ])
  const notThere = await engine('topology', '--module', absent)
  expect([notThere.code, notThere.stderr]).toEqual([
    2,
    expect.stringMatching(/absent\.mjs cannot be loaded: [^\n]+\n$/),
  ])
})
