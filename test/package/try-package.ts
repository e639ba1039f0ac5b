/*
 * `npm run test:package`: packs the project, installs the tarball in an empty one, and uses it there as another service would: types under
 * strict, the test driver, the application and a broker by its command, events, client, a topology of its own.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { freePorts } from '../../infra/local-kafka/readiness.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const TOKEN = 'correct-horse'
const run = promisify(execFile)
const say = (text: string): boolean => process.stdout.write(`${text}\n`)

interface Packed {
  readonly filename: string
  readonly size: number
  readonly files: ReadonlyArray<{ readonly path: string }>
}

/** Test code, tools and sources stay at home; the page of the dashboard is served from its TypeScript. */
function strangers({ files }: Packed): readonly string[] {
  const known =
    /^(bin\/ride-streams|dist\/.+\.(js|d\.ts)|dist\/data\/.+\.csv|(README|CHANGELOG)\.md|LICENSE|package\.json)$/
  const alsoKnown = /^dist\/((infra|app)\/http\/dashboard\/page\/.+|infra\/local-kafka\/watched\.sh)$/
  const paths = files.map(({ path }) => path)
  return paths.filter((path) => /^dist\/(test|bench)\//.test(path) || !(known.test(path) || alsoKnown.test(path)))
}

async function pack(to: string): Promise<string> {
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', to], { cwd: ROOT, maxBuffer: 1 << 24 })
  const answer = JSON.parse(stdout.slice(stdout.search(/^[[{]/m))) as Packed[] | Record<string, Packed>
  const [packed] = Object.values(answer)
  if (packed === undefined) throw new Error(`npm pack said ${stdout}`)
  const odd = strangers(packed)
  if (odd.length > 0) throw new Error(`these do not belong into the package: ${odd.join(', ')}`)
  say(`packed ${packed.filename}: ${packed.files.length} files, ${Math.round(packed.size / 1024)} kB`)
  return join(to, packed.filename)
}

async function install(project: string, tarball: string): Promise<void> {
  const { devDependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>
  }
  const tools = ['typescript', '@types/node'].map((name) => `${name}@${devDependencies[name]}`)
  await writeFile(join(project, 'package.json'), '{"name":"somebody-else","private":true,"type":"module"}\n')
  await run('npm', ['install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', tarball, ...tools], {
    cwd: project,
  })
  await cp(join(import.meta.dirname, 'project'), project, { recursive: true })
}

async function main(directory: string): Promise<void> {
  const project = await mkdtemp(join(directory, 'project-'))
  await install(project, await pack(directory))
  say('installed')
  const bin = join(project, 'node_modules', '.bin', 'ride-streams')
  const node = join(project, 'node_modules', '.bin', 'node')
  const inProject = { cwd: project }
  await run(node, ['node_modules/typescript/bin/tsc', '-p', '.'], inProject).catch((error: { stdout: string }) => {
    throw new Error(error.stdout)
  })
  say('types hold')
  await run(node, ['out/driver.js'], inProject)
  say('a topology runs in the test driver')

  const [port] = await freePorts(1)
  const data = join(directory, 'kafka')
  const { stdout } = await run(bin, ['kafka', 'up', '--port', String(port), '--data', data], inProject)
  const brokers = stdout.trim()
  const env = { ...process.env, KAFKA_BROKERS: brokers, HTTP_PORT: '0', HTTP_TOKEN: TOKEN, STATE_DIR: './state' }
  try {
    await run(bin, ['topics', 'create', '--keep-forever'], { ...inProject, env })
    const app = spawn(bin, ['start'], { ...inProject, env, stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = once(app, 'exit') as Promise<[number | null]>
    try {
      let url: string | undefined
      const lines = createInterface({ input: app.stdout })
      for await (const line of lines) {
        url = /"url":"([^"]+)"/.exec(line)?.[1]
        if (url !== undefined) break
      }
      if (url === undefined) throw new Error('start has ended')
      app.stdout.resume()
      await run(node, ['out/rides.js', url, brokers], { ...inProject, env })
      const page = await fetch(`${url}/dashboard/main.ts`)
      if (!page.ok) throw new Error(`the dashboard's page is not served: ${page.status}`)
      say('events, client, a topology of its own, the dashboard')
    } finally {
      app.kill('SIGTERM')
      const [code] = await ended
      say(`start ended with exit code ${code}`)
    }
  } finally {
    await run(bin, ['kafka', 'down', '--data', data], inProject)
  }
}

// npm itself runs on this Node, whatever else is on the PATH.
process.env.PATH = `${dirname(process.execPath)}:${process.env.PATH}`
const directory = await mkdtemp(join(tmpdir(), 'ride-package-'))
try {
  await main(directory)
} finally {
  await rm(directory, { recursive: true, force: true })
}
