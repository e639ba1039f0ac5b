import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { freePorts } from '../../infra/local-kafka/readiness.ts'
import { OUTSIDE, run, say } from './packed.ts'

const TOKEN = 'correct-horse'

/** A broker and the application by the command of the package; events, client and a topology of its own by out/rides.js. */
export async function runRides(project: string, data: string, oldestNode: string): Promise<void> {
  const bin = join(project, 'node_modules', '.bin', 'ride-streams')
  const inProject = { cwd: project }
  const [port] = await freePorts(1)
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
      await run(oldestNode, ['out/rides.js', url, brokers], { ...inProject, env })
      const page = await fetch(`${url}/dashboard/main.ts`)
      if (!page.ok) throw new Error(`the dashboard's page is not served: ${page.status}`)
      say('both packages: events, client, a topology of its own, the dashboard')
      await runBundles(project, brokers)
    } finally {
      app.kill('SIGTERM')
      const [code] = await ended
      say(`start ended with exit code ${code}`)
    }
  } finally {
    await run(bin, ['kafka', 'down', '--data', data], inProject)
  }
}

/**
 * A topology that is made of closures runs in the thread that makes it, so all of it can be in one file. Stream threads load the topology's
 * module and the engine's worker by their URLs: one is an entry of its own, the other stays outside.
 */
async function runBundles(project: string, brokers: string): Promise<void> {
  const bundle = async (entries: readonly string[], external: readonly string[]): Promise<void> => {
    const flags = ['--bundle', '--platform=node', '--format=esm', '--outdir=bundled']
    const outside = external.map((name) => `--external:${name}`)
    await run(join(project, 'node_modules', '.bin', 'esbuild'), [...entries, ...flags, ...outside], { cwd: project })
  }
  await bundle(['out/inlined.js'], OUTSIDE)
  await run(process.execPath, ['bundled/inlined.js', brokers], { cwd: project })
  say('both packages: a service in one file, by esbuild')
  await bundle(['out/vehicles.js', 'out/bundled.js'], ['ride-streams'])
  await run(process.execPath, ['bundled/bundled.js', brokers], { cwd: project })
  say('both packages: a service with stream threads, bundled by esbuild')
}
