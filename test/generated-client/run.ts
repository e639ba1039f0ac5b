/*
 * npm run test:client: a Python client that openapi-python-client generates from /openapi.json asks a server that listens. It needs
 * python3 and a Python package index; PYTHON_ENV names a virtual environment that has the generator already.
 */
import { execFile, execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { rideHttp } from '../../app/http/ride-http.ts'
import { rideViews } from '../../app/http/ride-views.ts'
import { tripSchema } from '../../app/http/schemas.ts'
import { createHttpApp } from '../../infra/http/server.ts'
import { createLogger } from '../../infra/logging/logger.ts'
import type { TripState } from '../../processors/trip-state/trip-state.ts'
import { InMemoryInstance } from '../support/in-memory-instance.ts'

const GENERATOR = 'openapi-python-client==0.29.1'
const TOKEN = 'correct-horse'
const directory = await mkdtemp(join(tmpdir(), 'generated-client-'))
const environment = process.env.PYTHON_ENV ?? join(directory, 'env')
const [trip] = tripSchema.examples
const instance = new InMemoryInstance({ 'trip-state': new Map([['trip-1', trip]]) })
const app = await createHttpApp({
  instance,
  application: rideHttp({
    h3Resolution: 9,
    driverTtlMs: 0,
    // The stored values are the answers themselves.
    views: { ...rideViews, trips: { store: 'trip-state', view: (_key, stored) => stored as TripState } },
  }),
  token: TOKEN,
  logger: createLogger({ level: 'silent' }),
})
try {
  const url = await app.listen({ port: 0 })
  const { body } = await app.inject({ url: '/openapi.json', headers: { authorization: `Bearer ${TOKEN}` } })
  await writeFile(join(directory, 'openapi.json'), body)
  if (process.env.PYTHON_ENV === undefined) {
    execFileSync('python3', ['-m', 'venv', environment])
    execFileSync(join(environment, 'bin/pip'), ['install', '-q', GENERATOR], { stdio: 'inherit' })
  }
  const out = execFileSync(
    join(environment, 'bin/openapi-python-client'),
    [
      'generate',
      '--path',
      join(directory, 'openapi.json'),
      '--output-path',
      join(directory, 'client'),
      '--meta',
      'none',
    ],
    { encoding: 'utf8', env: { ...process.env, PATH: `${join(environment, 'bin')}:${process.env.PATH}` } },
  )
  process.stdout.write(out)
  const check = join(import.meta.dirname, 'check.py')
  // Not in this thread: the server must answer meanwhile.
  const { stdout } = await promisify(execFile)(join(environment, 'bin/python'), [check, url, TOKEN], {
    env: { ...process.env, PYTHONPATH: directory },
  })
  process.stdout.write(stdout)
} finally {
  await app.close()
  await rm(directory, { recursive: true, force: true })
}
