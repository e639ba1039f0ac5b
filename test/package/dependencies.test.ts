import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { projectRoot } from '../support/run-cli.ts'

/*
 * `npm ci` installs what the lock file pins by hash, and needs no install script.
 */

interface Locked {
  readonly version: string
  readonly resolved?: string
  readonly link?: true
  readonly integrity?: string
  readonly hasInstallScript?: true
  readonly optional?: true
  readonly os?: string
  readonly cpu?: string
  readonly bin?: Readonly<Record<string, string>>
}

/** @returns the file at that path of the project */
function json<T>(name: string): T {
  return JSON.parse(readFileSync(join(projectRoot, name), 'utf8')) as T
}
const all = json<{ packages: Record<string, Locked> }>('package-lock.json').packages
// Both packages of this repository are links to folders in it.
const locked = Object.fromEntries(
  Object.entries(all).filter(([path, { link }]) => /(^|\/)node_modules\//.test(path) && link !== true),
)
const { optionalDependencies } = json<{ optionalDependencies: Record<string, string> }>('packaging/rides/package.json')
const nodes = Object.entries(optionalDependencies).filter(([name]) => name.startsWith('node-'))

it('the lock file has a hash for every package, and names no registry', () => {
  const odd = Object.entries(locked).filter(
    ([, { integrity, resolved }]) => !integrity?.startsWith('sha512-') || resolved,
  )
  expect(odd).toEqual([])
})

/*
 * classic-level and @nxtedition/rocksdb compile only where their packages have no binary for the platform. ssh2 (a tool of the tests) compiles an optional part, with
 * cpu-features, and runs without. protobufjs prints a hint. A new name here must work with `npm ci --ignore-scripts`.
 * @scarf/scarf, which @asyncapi/parser brings, is a script that reports each install to its maker, and no code: package.json overrides it
 * by a package that does nothing at install.
 */
it('only known packages have install scripts, and none of these downloads', () => {
  const scripted = Object.entries(locked).flatMap(([path, { hasInstallScript }]) => (hasInstallScript ? [path] : []))
  const names = scripted.map((path) => path.replace(/^.*node_modules\//, ''))
  expect([...new Set(names)].sort()).toEqual([
    '@nxtedition/rocksdb',
    'classic-level',
    'cpu-features',
    'protobufjs',
    'ssh2',
  ])
})

it('Node comes from the package of each platform, at an exact version', () => {
  const platforms = nodes.map(([name, version]) => {
    const { os, cpu, optional, bin, hasInstallScript, ...found } = locked[`node_modules/${name}`] ?? { version: 'none' }
    expect([name, found.version]).toEqual([name, version])
    expect([name, optional, hasInstallScript, Object.keys(bin ?? {})]).toEqual([name, true, undefined, ['node']])
    return `${os} ${cpu}`
  })
  expect(platforms.sort()).toEqual(['darwin arm64', 'darwin x64', 'linux arm64', 'linux x64', 'win32 x64'])
})
