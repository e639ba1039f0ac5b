import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { loadRideConfig } from '../../app/config/ride-config.ts'
import { buildProgram } from '../../cli/program.ts'
import { projectRoot } from '../support/run-cli.ts'

/*
 * The program takes each command and each value of a setting that the Dockerfile, docker-compose.yaml and the manifests of Kubernetes
 * have; it listens where they publish, and nothing that they refer to by name is missing.
 */

/** A container of our image: its arguments, the settings it adds and the ports that lead to it. */
interface Container {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly ports: readonly number[]
}

interface ComposeService {
  readonly image: string
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly depends_on?: readonly string[] | Readonly<Record<string, { readonly condition: string }>>
  readonly healthcheck?: object
}

interface PodContainer {
  readonly args: readonly string[]
  readonly env: ReadonlyArray<{ readonly name: string; readonly value?: string }>
  readonly ports: ReadonlyArray<{ readonly name: string; readonly containerPort: number }>
}

const text = (path: string): Promise<string> => readFile(join(projectRoot, path), 'utf8')

const compose = async () =>
  parse(await text('docker-compose.yaml'), { merge: true }) as {
    readonly services: Readonly<Record<string, ComposeService>>
    readonly volumes: Readonly<Record<string, unknown>>
  }

async function image(): Promise<Container> {
  const dockerfile = (await text('Dockerfile')).replace(/\\\n\s*/g, ' ')
  const line = (name: string): string => dockerfile.match(new RegExp(`^${name} (.*)$`, 'm'))?.[1] ?? ''
  const env = Object.fromEntries(
    line('ENV')
      .split(/\s+/)
      .map((one) => one.split('=')),
  ) as Record<string, string>
  return { args: JSON.parse(line('CMD')), env, ports: [Number(line('EXPOSE'))] }
}

async function composeContainers(): Promise<readonly Container[]> {
  const { args } = await image()
  return Object.values((await compose()).services)
    .filter((service) => service.image === 'ride-streams-rides')
    .map(({ command, environment, ports = [] }) => ({
      args: command ?? args,
      env: environment ?? {},
      ports: ports.map((port) => Number(port.split(':').at(-1))),
    }))
}

async function podContainer(): Promise<Container> {
  const stateful = parseAllDocuments(await text('ops/kubernetes/rides.yaml'))
    .at(-1)
    ?.toJS() as {
    spec: { template: { spec: { containers: readonly [PodContainer] } } }
  }
  const [{ args, env, ports }] = stateful.spec.template.spec.containers
  const given = env.flatMap(({ name, value }) =>
    // Kubernetes puts the names of variables in.
    value === undefined ? [] : [[name, value.replace('$(POD_NAME)', 'rides-0')]],
  )
  return { args, env: Object.fromEntries(given), ports: ports.map(({ containerPort }) => containerPort) }
}

/** The words of a command line that the program does not know. */
function unknownWords(args: readonly string[]): readonly string[] {
  let command: Command = buildProgram()
  const unknown: string[] = []
  for (let at = 0; at < args.length; at++) {
    const word = args[at] as string
    const next = command.commands.find((one) => one.name() === word)
    const option = command.options.find(({ long }) => long === word)
    if (next !== undefined) command = next
    else if (option === undefined) unknown.push(word)
    else if (option.required) at++
  }
  return unknown
}

it('the program knows every command and option that a container runs', async () => {
  const all = [await image(), ...(await composeContainers()), await podContainer()].map(({ args }) => args)
  expect(all.map((args) => args[0])).toEqual(['start', 'topics', 'start', 'export', 'start'])
  expect(all.flatMap(unknownWords)).toEqual([])
  expect(unknownWords(['topics', 'make', '--keep'])).toEqual(['make', '--keep'])
})

it('the program takes the settings of each container, and listens where its ports lead', async () => {
  const { env, ports } = await image()
  const started = [...(await composeContainers()), await podContainer()].map((one) => {
    const { httpHost, httpPort, stateDir } = loadRideConfig({ ...env, ...one.env })
    return { httpHost, stateDir, leads: one.ports.filter((port) => port !== httpPort) }
  })
  expect([...started]).toEqual(started.map(() => ({ httpHost: '0.0.0.0', stateDir: '/state', leads: [] })))
  expect(ports).toEqual([loadRideConfig({ ...env, KAFKA_BROKERS: 'kafka:9092' }).httpPort])
})

it('compose services wait for services that have a health check, on volumes that are declared', async () => {
  const { services, volumes } = await compose()
  const problems = Object.entries(services).flatMap(([name, { depends_on = {}, volumes: mounts = [] }]) => [
    ...(Array.isArray(depends_on) ? depends_on : Object.keys(depends_on))
      .filter((other) => services[other] === undefined)
      .map((other) => `${name} waits for ${other}, which there is not`),
    ...Object.entries(depends_on)
      .filter(([other, { condition }]) => condition === 'service_healthy' && !services[other]?.healthcheck)
      .map(([other]) => `${name} waits for the health of ${other}, which has no check`),
    ...mounts
      .map((mount) => mount.split(':')[0] as string)
      .filter((source) => !source.startsWith('./') && !(source in volumes))
      .map((source) => `${name} mounts ${source}, which is not declared`),
  ])
  expect(problems).toEqual([])
})

it('services of Kubernetes lead to a port that the container names', async () => {
  const all = parseAllDocuments(await text('ops/kubernetes/rides.yaml')).map((one) => one.toJS())
  const names = all.at(-1).spec.template.spec.containers[0].ports.map(({ name }: { name: string }) => name)
  const targets = all
    .filter(({ kind }) => kind === 'Service')
    .flatMap(({ spec }) => spec.ports.map(({ targetPort }: { targetPort: string }) => targetPort))
  expect(targets).toEqual(['http', 'http'])
  expect(names).toEqual(['http'])
})
