import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { projectRoot } from '../support/run-cli.ts'

const ROOMS = ['topology', 'state', 'runtime', 'infra', 'processors', 'app', 'cli', 'exports']
const BESIDE = ['bin', 'examples', 'packaging', 'test', 'bench', 'docs', 'ops', 'data']

const read = (path: string): string => readFileSync(join(projectRoot, path), 'utf8')
const files = (folder: string, ending: string): string[] =>
  readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(ending))
    .map((file) => join(folder, file))

const pages = [
  ...readdirSync(projectRoot).filter((file) => file.endsWith('.md')),
  ...['docs', 'examples', 'test', 'bench'].flatMap((folder) => files(folder, '.md')),
]
const guides = pages.filter((page) => /^(?:docs\/)?[^/]+\.md$/.test(page) && page !== 'README.md')
const SCREEN = 40

/** Files and folders of this repository that a text names in backticks. */
function namedPaths(text: string): string[] {
  return [...text.matchAll(/`((?:[\w.-]+\/)+[\w.-]*)`/g)]
    .map(([, path = '']) => path)
    .filter((path) => [...ROOMS, ...BESIDE].includes(path.slice(0, path.indexOf('/'))))
}

/** Folders of a folder, one level down. */
function folders(room: string): string[] {
  return readdirSync(join(projectRoot, room), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `${room}/${name}/`)
}

describe.each(pages)('%s', (page) => {
  it('has no line wider than 120 characters, tables aside', () => {
    const wide = read(page)
      .split('\n')
      .filter((line) => line.length > 120 && !line.startsWith('|'))
    expect(wide).toEqual([])
  })

  it('names only files that exist', () => {
    expect(namedPaths(read(page)).filter((path) => !existsSync(join(projectRoot, path)))).toEqual([])
  })
})

it.each(guides)('%s says first what it is for, when it is longer than a screen', (page) => {
  const [, purpose = ''] = read(page).split('\n\n')
  expect(read(page).split('\n').length <= SCREEN || purpose.startsWith('This page ')).toBe(true)
})

it('docs/architecture.md names every room', () => {
  const page = read('docs/architecture.md')
  const rooms = [...ROOMS, ...BESIDE].map((room) => `${room}/`)
  const floors = ['state', 'topology', 'runtime', 'infra', 'app'].flatMap(folders)
  expect([...rooms, ...floors].filter((room) => !page.includes(`\`${room}\``))).toEqual([])
})

it('code names only pages that exist', () => {
  const named = [...ROOMS, 'test', 'bench']
    .flatMap((folder) => files(folder, '.ts'))
    .flatMap((file) => [...read(file).matchAll(/\bdocs\/[\w/-]+\.md\b/g)].map(([path]) => [file, path]))
  expect(named.length).toBeGreaterThan(10)
  expect(named.filter(([, path = '']) => !existsSync(join(projectRoot, path)))).toEqual([])
})
