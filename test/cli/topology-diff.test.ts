import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { runInProcess } from '../support/run-in-process.ts'

const directory = mkdtempSync(join(tmpdir(), 'topology-diff-'))
afterAll(() => rmSync(directory, { recursive: true }))

it('topology diff lists what an upgrade orphans and rebuilds', async () => {
  const file = join(directory, 'old.json')
  const { stdout: now } = await runInProcess(['topology', '--format', 'json'])
  writeFileSync(file, now)
  expect(await runInProcess(['topology', 'diff', file])).toMatchObject({
    code: 0,
    stdout: 'nothing is orphaned or rebuilt: the upgrade is free\n',
  })

  writeFileSync(file, now.replaceAll('driver-cells', 'cells'))
  const { code, stdout, stderr } = await runInProcess(['topology', 'diff', file, '--json'])
  expect([code, stderr]).toEqual([1, 'ride-streams: the upgrade orphans 1 topic and 1 store\n'])
  expect(JSON.parse(stdout)).toEqual({
    orphanedTopics: ['cells-changelog'],
    orphanedStores: ['cells'],
    rebuiltStores: [{ name: 'driver-cells', why: 'new' }],
    newTopics: [],
    renumbered: [],
  })
})

it('topology diff refuses another kind of file in one line with exit code 2', async () => {
  const file = join(directory, 'other.json')
  writeFileSync(file, '{}')
  const { code, stderr } = await runInProcess(['topology', 'diff', file])
  expect([code, stderr]).toEqual([2, `ride-streams: ${file} is not what topology --format json prints\n`])
})
