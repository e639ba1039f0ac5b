import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { projectRoot } from '../support/run-cli.ts'

/** Prints the URLs of all modules that an import loads. */
const LIST_LOADED = `
import { registerHooks } from 'node:module'
const loaded = []
registerHooks({ load: (url, context, next) => { loaded.push(url); return next(url, context) } })
for (const url of process.argv.slice(1)) await import(url)
process.stdout.write(JSON.stringify(loaded))
process.exit(0)
`

async function modulesLoadedBy(...files: readonly string[]): Promise<readonly string[]> {
  const urls = files.map((file) => pathToFileURL(join(projectRoot, file)).href)
  const args = ['--input-type=module', '-e', LIST_LOADED, ...urls]
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 16 * 1024 * 1024 })
  return JSON.parse(stdout) as readonly string[]
}

async function packagesLoadedBy(...files: readonly string[]): Promise<ReadonlySet<string>> {
  return packagesOf(await modulesLoadedBy(...files))
}

function packagesOf(urls: readonly string[]): ReadonlySet<string> {
  return new Set(urls.flatMap((url) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? []))
}

it("import 'ride-streams' loads no package: what runs a topology is loaded when one starts", async () => {
  expect([...(await packagesLoadedBy('exports/index.ts'))]).toEqual([])
})

it('the module that stream threads load imports no HTTP server and no validator', async () => {
  const packages = await packagesLoadedBy('app/ride-app.ts')
  expect(packages).toContain('h3-js')
  expect(['fastify', 'uplot', 'commander', 'typebox'].filter((name) => packages.has(name))).toEqual([])
})

it('a start loads nothing that only later requests, other instances or odd events need, and its main thread runs no tasks', async () => {
  const urls = await modulesLoadedBy('cli/application.ts', 'infra/http/index.ts', 'app/http/ride-http.ts')
  const packages = packagesOf(urls)
  expect([...packages]).toEqual(expect.arrayContaining(['@platformatic/kafka', 'fastify']))
  const later = ['typebox', 'undici', 'prom-client', '@opentelemetry/api', '@fastify/ajv-compiler']
  expect(later.filter((name) => packages.has(name))).toEqual([])
  expect(urls.filter((url) => url.endsWith('/runtime/task/stream-task.ts'))).toEqual([])
})

it('the Kafka client loads the codecs of @platformatic/kafka, and none of its clients, connections and registries', async () => {
  const loaded = await modulesLoadedBy('infra/kafka/kafka.ts')
  const folders = loaded.flatMap((url) => /@platformatic\/kafka\/dist\/([^/]+)\//.exec(url)?.[1] ?? [])
  expect([...new Set(folders)].sort()).toEqual(['apis', 'protocol'])
})
