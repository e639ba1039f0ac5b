import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { rideVariables } from '../../app/config/ride-variables.ts'
import { variables } from '../../infra/config/index.ts'
import { bundleApplication, bundleEngine } from '../../packaging/bundles.ts'
import { ENGINE_ROOMS } from '../../packaging/rooms.ts'
import { projectRoot } from '../support/run-cli.ts'

/*
 * Dockerfile, compose service and Kubernetes manifests, as far as they can be judged without a container engine.
 */

const settings = new Set<string>(Object.values({ ...variables, ...rideVariables }).map((one) => one.env))

const text = (path: string): Promise<string> => readFile(join(projectRoot, path), 'utf8')

interface Instruction {
  readonly name: string
  readonly rest: string
}

async function instructions(): Promise<readonly Instruction[]> {
  const lines = (await text('Dockerfile')).replace(/^#.*\n/gm, '').replace(/\\\n\s*/g, ' ')
  return [...lines.matchAll(/^([A-Z]+) (.*)$/gm)].map(([, name = '', rest = '']) => ({ name, rest }))
}

const copies = async (fromBuild: boolean): Promise<readonly (readonly [source: string, target: string])[]> =>
  (await instructions())
    .filter(({ name, rest }) => name === 'COPY' && rest.startsWith('--from=build ') === fromBuild)
    .flatMap(({ rest }) => {
      const words = rest.replace('--from=build ', '').split(' ')
      const target = words.at(-1) ?? ''
      return words.slice(0, -1).map((source) => [source, target] as const)
    })

describe('Dockerfile', () => {
  it('copies what there is and what .dockerignore lets through', async () => {
    const sent = (await text('.dockerignore'))
      .split('\n')
      .flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : []))
    const sources = (await copies(false)).map(([source]) => source)
    const there = new Set(await readdir(projectRoot))
    expect(sources.filter((source) => !there.has(source.split('/')[0] ?? ''))).toEqual([])
    expect(sources.filter((source) => !sent.includes(source.split('/')[0] ?? ''))).toEqual([])
    expect(sent.filter((name) => !sources.some((source) => source.split('/')[0] === name))).toEqual([])
  })

  it('names its base image without a registry, runs as nobody special, and checks its health', async () => {
    const all = await instructions()
    expect(all.filter(({ name }) => name === 'FROM').map(({ rest }) => rest)).toEqual([
      'node:24-slim AS build',
      'node:24-slim',
    ])
    expect(all.find(({ name }) => name === 'USER')?.rest).toBe('1000')
    expect(all.find(({ name }) => name === 'HEALTHCHECK')?.rest).toContain('/health/live')
  })

  it('sets only settings that there are', async () => {
    const env = (await instructions())
      .filter(({ name }) => name === 'ENV')
      .flatMap(({ rest }) => rest.trim().split(/\s+/))
    const names = env.map((one) => one.split('=')[0] ?? '')
    expect(names.filter((name) => !settings.has(name))).toEqual(['NODE_ENV', 'MALLOC_ARENA_MAX'])
    expect(env).toContain('STATE_DIR=/state')
  })
})

describe('the files of the image', () => {
  let image: string

  beforeAll(async () => {
    image = await mkdtemp(join(tmpdir(), 'image-'))
    const built = await buildStage(join(image, 'build'))
    for (const [source, target] of await copies(true)) {
      await mkdir(dirname(join(image, 'app', target)), { recursive: true })
      await cp(join(built, source.replace('/app/', '')), join(image, 'app', target), {
        recursive: true,
        verbatimSymlinks: true,
      })
    }
  })
  afterAll(() => rm(image, { recursive: true, force: true }))

  it('are all that the command needs', async () => {
    const entry = (await instructions()).find(({ name }) => name === 'ENTRYPOINT')
    const [, file = ''] = JSON.parse(entry?.rest ?? '[]') as string[]
    const run = (...args: string[]) =>
      promisify(execFile)(process.execPath, [file, ...args], { cwd: join(image, 'app'), env: {} })
    expect((await run('--help')).stdout).toMatch(/^Usage: ride-streams /)
    expect((await run('topology')).stdout).toMatch(/^Topologies:\n/)
    await expect(run('start')).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^ride-streams: KAFKA_BROKERS: is not set/),
    })
  })
})

/** Leaves what the first stage leaves: the bundles, and the dependencies without the development ones. */
async function buildStage(to: string): Promise<string> {
  const files = await Promise.all(
    ENGINE_ROOMS.map(async (room) =>
      (await readdir(join(projectRoot, room), { recursive: true })).map((file) => join(room, file)),
    ),
  )
  const faces = files.flat().filter((file) => file.endsWith('/index.ts'))
  await Promise.all([bundleEngine(join(to, 'dist'), faces), bundleApplication(join(to, 'packaging/rides/dist'))])
  for (const file of ['package.json', 'packaging/rides/package.json']) await cp(join(projectRoot, file), join(to, file))
  const { packages } = JSON.parse(await text('package-lock.json')) as {
    packages: Record<string, { dev?: boolean; link?: boolean; resolved?: string }>
  }
  const installed = Object.entries(packages).filter(
    ([path, { dev, link }]) => /^node_modules\/(?:@[^/]+\/)?[^/]+$/.test(path) && dev !== true && link !== true,
  )
  for (const [path] of installed) {
    if (/^node_modules\/node-(linux|bin|darwin|win)/.test(path)) continue
    await mkdir(dirname(join(to, path)), { recursive: true })
    await symlink(join(projectRoot, path), join(to, path))
  }
  await symlink('..', join(to, 'node_modules/ride-streams'))
  return to
}

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly spec: Record<string, unknown>
}

interface Container {
  readonly env: ReadonlyArray<{ readonly name: string; readonly value?: string }>
  readonly ports: ReadonlyArray<{ readonly name: string }>
  readonly volumeMounts: ReadonlyArray<{ readonly name: string; readonly mountPath: string }>
  readonly [probe: string]: unknown
}

async function manifests(): Promise<readonly Manifest[]> {
  return parseAllDocuments(await text('ops/kubernetes/rides.yaml')).map((one) => one.toJS() as Manifest)
}

/** Throws when the manifest is not as the schema of its kind says. */
async function validate(manifest: Manifest): Promise<void> {
  const { apiVersion, kind } = manifest
  const models = (await import(/* @vite-ignore */ ['kubernetes-models', apiVersion, kind].join('/'))) as Record<
    string,
    new (
      data: object,
    ) => { validate(): void }
  >
  const Model = models[kind]
  if (Model === undefined) throw new Error(`there is no schema of ${apiVersion} ${kind}`)
  new Model(manifest).validate()
}

describe('ops/kubernetes/rides.yaml', () => {
  it('is as the schemas of Kubernetes say', async () => {
    const all = await manifests()
    expect(all.map(({ kind }) => kind)).toEqual(['Service', 'Service', 'PodDisruptionBudget', 'StatefulSet'])
    for (const manifest of all) await validate(manifest)
    const [, , , stateful] = all
    const wrong = { ...stateful, spec: { ...stateful?.spec, replicas: 'two' } } as Manifest
    await expect(validate(wrong)).rejects.toThrow(/replicas/)
  })

  it('sets only settings that there are, probes the health routes and keeps STATE_DIR on the claimed volume', async () => {
    const { spec } = (await manifests()).at(-1) as unknown as {
      spec: {
        serviceName: string
        template: { spec: { containers: readonly [Container] } }
        volumeClaimTemplates: ReadonlyArray<{ metadata: { name: string } }>
      }
    }
    const [container] = spec.template.spec.containers
    const env = new Map(container.env.map(({ name, value }) => [name, value]))
    expect([...env.keys()].filter((name) => !settings.has(name))).toEqual(['POD_NAME'])
    expect(env.get('APPLICATION_SERVER')).toBe(`$(POD_NAME).${spec.serviceName}:8080`)
    expect([container.livenessProbe, container.readinessProbe]).toMatchObject([
      { httpGet: { path: '/health/live', port: 'http' } },
      { httpGet: { path: '/health/ready', port: 'http' } },
    ])
    const mount = container.volumeMounts.find(({ mountPath }) => mountPath === env.get('STATE_DIR'))
    expect(spec.volumeClaimTemplates.map(({ metadata }) => metadata.name)).toEqual([mount?.name])
  })
})

it('the compose services of the application set only settings that there are, and keep STATE_DIR', async () => {
  const { services } = parse(await text('docker-compose.yaml'), { merge: true }) as {
    services: Record<string, { profiles?: string[]; environment?: Record<string, string>; volumes?: string[] }>
  }
  const own = Object.entries(services).filter(([, { profiles }]) => profiles?.includes('app'))
  expect(own.map(([name]) => name)).toEqual(['rides-topics', 'rides'])
  const names = own.flatMap(([, { environment = {} }]) => Object.keys(environment))
  expect(names.filter((name) => !settings.has(name))).toEqual([])
  expect(services.rides?.volumes).toEqual(['rides-state:/state'])
})
