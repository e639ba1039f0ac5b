import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { cellToParent, latLngToCell } from 'h3-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePorts } from '../../infra/local-kafka/readiness.ts'
import { atEndOfTestProcess } from '../support/at-end-of-test.ts'
import { kafkajs, kafkajsProducer } from '../support/kafkajs.ts'
import { keepRideTopics } from '../support/keep-ride-topics.ts'
import { beyond } from '../support/places.ts'
import { metersBetween } from '../support/processor-oracle.ts'
import { Random } from '../support/random.ts'
import { type CliResult, projectRoot, resultOf, runCli, spawnCli } from '../support/run-cli.ts'
import { runInProcess } from '../support/run-in-process.ts'
import { ALL_REPARTITIONS, untilDrained } from '../support/until-drained.ts'
import { untilSettled } from '../support/until-settled.ts'

/*
 * The commands against a broker that `kafka up` started, in the order of a user's first hour. Each test brings about what it needs, so
 * each can run alone.
 */

const APPLICATION_ID = 'cli-test'
const directory = mkdtempSync(join(tmpdir(), 'ride-streams-cli-'))
const home = { XDG_DATA_HOME: join(directory, 'data') }
let env: Record<string, string> = home
const running = new Set<ChildProcess>()
/** The broker of `kafka up` outlives its starter on purpose; here it must not. */
let guard: ChildProcess | undefined

interface Broker {
  readonly bootstrap: string
  readonly pid: number | null
  readonly container: string | null
}

beforeAll(async () => {
  const [port = 0] = await freePorts(1)
  const up = ['kafka', 'up', '--port', String(port), '--data', join(directory, 'kafka'), '--json']
  const { code, stdout, stderr } = await runCli(up, home)
  expect([code, stderr]).toMatchObject([0, expect.any(String)])
  const { bootstrap, pid, container } = JSON.parse(stdout) as Broker
  guard =
    pid === null
      ? atEndOfTestProcess('docker rm -f "$0"; rm -rf "$1"', [container ?? '', directory])
      : atEndOfTestProcess('kill -9 "$0"; rm -rf "$1"', [String(pid), directory])
  env = {
    ...home,
    KAFKA_BROKERS: bootstrap,
    STATE_DIR: join(directory, 'state'),
    HTTP_PORT: '0',
    APPLICATION_ID,
    // Rides of 2019 and of 2025 share partitions.
    TRIP_HISTORY_RETENTION_MS: '-1',
  }
})

afterAll(async () => {
  for (const child of running) child.kill('SIGKILL')
  await runCli(['kafka', 'down'], home)
  guard?.kill('SIGKILL')
  rmSync(directory, { recursive: true, force: true })
})

const json = (result: CliResult): unknown => {
  expect([result.code, result.stderr]).toEqual([0, ''])
  return JSON.parse(result.stdout)
}

interface Started {
  readonly url: string
  readonly result: Promise<CliResult>
  readonly child: ChildProcess
}

/** `start`, once it logged that it runs. */
async function startApplication(overrides: Record<string, string> = {}): Promise<Started> {
  const child = spawnCli(['start'], { ...env, ...overrides })
  running.add(child)
  child.once('exit', () => running.delete(child))
  const result = resultOf(child)
  const url = new Promise<string>((resolve) => {
    if (child.stdout === null) return
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { msg, url: at } = JSON.parse(line) as { msg: string; url?: string }
      if (msg === 'started' && at !== undefined) resolve(at)
    })
  })
  const ended = result.then(({ code, stderr }) => Promise.reject(new Error(`start ended with ${code}: ${stderr}`)))
  return { url: await Promise.race([url, ended]), result, child }
}

const getJson = async (url: string): Promise<unknown> => (await fetch(url)).json()

function envelope(eventType: string, eventId: string, timestamp: string, data: object): string {
  return JSON.stringify({ eventId, eventType, eventVersion: '1.0', timestamp, data })
}

async function produceTrip(tripId: string, fare: number): Promise<void> {
  const kafka = kafkajs(env.KAFKA_BROKERS ?? '')
  const producer = await kafkajsProducer(kafka)
  const send = (topic: string, minute: string, data: object) => {
    const value = envelope(topic, `${tripId}-${topic}`, `2019-03-01T10:${minute}:00Z`, { tripId, ...data })
    return producer.send({ topic, messages: [{ key: tripId, value }] })
  }
  const place = { lat: 40.75, lng: -73.98 }
  const request = { passengerId: 'p', pickup: place, dropoff: place, estimatedFare: 9, vehicleType: 'yellow' }
  await send('trip.requested', '00', request)
  await send('trip.accepted', '01', { driverId: 'd-1' })
  await send('trip.completed', '20', { finalFare: fare })
  await send('trip.completed', '30', { finalFare: -fare })
  await producer.disconnect()
}

/** The topics are there, and trip t-1 and a dead letter are in them, once. */
async function withTrip(): Promise<void> {
  await withTopics()
  trip ??= produceTrip('t-1', 12.25)
  await trip
}
let trip: Promise<void> | undefined

const withTopics = (): Promise<void> => keepRideTopics(env.KAFKA_BROKERS ?? '', APPLICATION_ID)

/** The application has processed all there is. */
const drained = (): Promise<void> => untilDrained(env.KAFKA_BROKERS ?? '', APPLICATION_ID, 60_000, ALL_REPARTITIONS)

interface DriverThere {
  readonly driverId: string
  readonly lat: number
  readonly lng: number
  readonly status: string
  readonly at: number
}

async function produceDrivers(drivers: readonly DriverThere[]): Promise<void> {
  const kafka = kafkajs(env.KAFKA_BROKERS ?? '')
  const producer = await kafkajsProducer(kafka)
  const topic = 'driver.location.updated'
  const messages = drivers.map(({ driverId, lat, lng, status, at }) => {
    const data = { driverId, location: { lat, lng }, status }
    return { key: driverId, value: envelope(topic, `${driverId}-${at}`, new Date(at).toISOString(), data) }
  })
  await producer.send({ topic, messages })
  await producer.disconnect()
}

it('a second kafka up finds the running broker, and kafka status lists it', async () => {
  const again = await runInProcess(['kafka', 'up'], home)
  expect(again).toMatchObject({ code: 0, stdout: `${env.KAFKA_BROKERS}\n` })
  expect(json(await runInProcess(['kafka', 'status', '--json'], home))).toMatchObject({
    rows: [{ bootstrap: env.KAFKA_BROKERS, answering: true }],
    nextCursor: null,
  })
})

describe('before the topics exist', () => {
  const missing = /^ride-streams: topics trip\.requested, .* do not exist \(ride-streams topics create [^\n]*\)\n$/

  it.each([
    [['start'], missing],
    [['lag'], /do not exist/],
    [['rebuild-trip', 't'], /do not exist/],
  ])('%j prints one line and ends with exit code 1', async (args, line) => {
    const run = args[0] === 'start' ? runCli : runInProcess
    const { code, stderr } = await run(args, { ...env, LOG_LEVEL: 'silent' })
    expect([code, stderr]).toEqual([1, expect.stringMatching(line)])
  })
})

it('topics create creates the missing topics once', async () => {
  const first = json(await runInProcess(['topics', 'create', '--json', '--keep-forever'], env)) as { rows: unknown[] }
  expect(first.rows).toHaveLength(14)
  expect(first.rows).toContainEqual({ topic: 'cli-test.dlq', partitions: 3, created: true })
  const second = json(await runInProcess(['topics', 'create', '--json'], env)) as { rows: { created: boolean }[] }
  expect(second.rows.filter(({ created }) => created)).toEqual([])
})

it('start answers committed data over HTTP, closes cleanly, and has its state after a restart', async () => {
  await withTrip()
  const first = await startApplication()
  await drained()
  const trip = await getJson(`${first.url}/trips/t-1`)
  expect(trip).toMatchObject({ status: 'completed', finalFare: 12.25 })
  const rebuilt = await runInProcess(['rebuild-trip', 't-1', '--json'], env)
  expect([rebuilt.stderr, JSON.parse(rebuilt.stdout)]).toEqual(['1 invalid record with that key is left out\n', trip])
  expect(await getJson(`${first.url}/revenue/hourly`)).toEqual({
    rows: [{ hour: '2019-03-01T10:00:00Z', revenue: 12.25, trips: 1 }],
    nextCursor: null,
  })
  const readme = readFileSync(join(projectRoot, 'README.md'), 'utf8')
  const shown = [...readme.matchAll(/^curl 'http:\/\/127\.0\.0\.1:8080([^']+)'$/gm)].map(([, path]) => path)
  expect(shown).toHaveLength(3)
  for (const path of shown) expect([path, (await fetch(first.url + path)).status]).toEqual([path, 200])
  expect(await getJson(`${first.url}/health/ready`)).toMatchObject({ status: 'ready', state: 'RUNNING' })
  const metrics = await (await fetch(`${first.url}/metrics`)).text()
  expect(metrics).toMatch(/^dead_letters_total\{topic="trip\.completed",reason="schema"\} 1$/m)
  expect(json(await runInProcess(['lag', '--json'], env))).toMatchObject({ total: 0 })

  first.child.kill('SIGTERM')
  expect(await first.result).toMatchObject({ code: 0, signal: null, stderr: '' })

  const second = await startApplication()
  await expect.poll(async () => (await fetch(`${second.url}/health/ready`)).status).toBe(200)
  expect(await getJson(`${second.url}/trips/t-1`)).toEqual(trip)
  second.child.kill('SIGINT')
  expect(await second.result).toMatchObject({ code: 0, signal: null, stderr: '' })
})

it('simulate produces whole rides, and lag counts the unread records', async () => {
  await withTopics()
  const lag = async () => (json(await runInProcess(['lag', '--json'], env)) as { total: number }).total
  const before = await lag()
  const args = ['simulate', '--source', 'nyc', '--trips', '20', '--seed', '7', '--json']
  const done = json(await runInProcess(args, env)) as { events: number; rides: number; finished: boolean }
  expect(done).toMatchObject({ source: 'nyc', finished: true })
  expect(done.rides).toBeGreaterThanOrEqual(20)
  expect(done.events).toBeGreaterThan(20 * 10)
  expect(await lag()).toBe(before + done.events)
  expect(json(await runInProcess(['rebuild-trip', 'nyc-0001', '--json'], env))).toMatchObject({ tripId: 'nyc-0001' })
})

it('simulate --rate max sends everything as fast as the brokers take it', async () => {
  await withTopics()
  const args = ['simulate', '--source', 'synthetic', '--trips', '1', '--drivers', '3', '--rate', 'max', '--json']
  expect(json(await runInProcess(args, env))).toMatchObject({ rides: 1, finished: true })
})

it('simulate keeps the requested rate although it mostly waits', async () => {
  await withTopics()
  const args = ['simulate', '--source', 'synthetic', '--trips', '1', '--drivers', '3', '--rate', '2000/s', '--json']
  const { code, stderr, stdout } = await runInProcess(args, env)
  expect([code, stderr]).toEqual([0, ''])
  const { events, finished, seconds } = JSON.parse(stdout) as { events: number; finished: boolean; seconds: number }
  expect(finished).toBe(true)
  expect(events / seconds).toBeLessThan(2000 * 1.1)
})

it('rebuild-trip --events marks the events that count, and an unknown trip ends with exit code 1', async () => {
  await withTrip()
  const { code, stdout, stderr } = await runInProcess(['rebuild-trip', 't-1', '--events'], env)
  expect(code).toBe(0)
  expect(stdout).toMatch(/^2019-03-01T10:20:00\.000Z {2}trip\.completed /m)
  expect(stderr).toBe('1 invalid record with that key is left out\n')
  const unknown = await runInProcess(['rebuild-trip', 'nobody'], env)
  expect(unknown).toMatchObject({
    code: 1,
    stdout: '',
    stderr: 'ride-streams: the topics hold no events of trip nobody\n',
  })
})

it('two instances give the same answers: drivers by place, and trips as of a time', async () => {
  const dateLine = { lat: -17, lng: 179.999 }
  const at = Date.parse('2030-01-01T12:00:00Z')
  const random = new Random(3)
  const drivers = Array.from({ length: 60 }, (_, i) => ({
    driverId: `dateline-${i}`,
    ...beyond(dateLine, random.below(9000), random.next() * 7),
    status: i % 5 === 0 ? 'on_trip' : 'available',
    // Silent by the others, in whatever partitions they are.
    at: i % 7 === 0 ? at - 300_001 : at,
  }))
  await withTrip()
  await produceDrivers(drivers)
  const ports = await freePorts(2)
  const instances = await Promise.all(
    ports.map((port) =>
      startApplication({
        HTTP_PORT: String(port),
        APPLICATION_SERVER: `127.0.0.1:${port}`,
        STATE_DIR: join(directory, `state-${port}`),
      }),
    ),
  )
  const near = drivers
    .filter(({ status, at: time }) => status === 'available' && time === at)
    .map((driver) => ({ driverId: driver.driverId, meters: metersBetween(dateLine, driver) }))
    .filter(({ meters }) => meters <= 5000)
    .sort((a, b) => a.meters - b.meters)
  const cell = latLngToCell(dateLine.lat, dateLine.lng, 5)
  const inside = drivers.filter(({ lat, lng }) => cellToParent(latLngToCell(lat, lng, 9), 5) === cell)
  const ids = (rows: readonly { driverId: string }[]) => rows.map(({ driverId }) => driverId)
  await untilSettled(instances, { standbys: 0 })
  await drained()
  for (const { url } of instances) {
    const nearby = `${url}/drivers/nearby?lat=${dateLine.lat}&lng=${dateLine.lng}`
    const { rows } = (await getJson(nearby)) as { rows: { driverId: string; distance: number }[] }
    expect(ids(rows)).toEqual(ids(near))
    expect(rows[0]?.distance).toBeCloseTo(near[0]?.meters ?? 0, 4)
    const found = json(await runInProcess(['query', 'cell', cell, '--json', '--url', url], env)) as {
      rows: typeof drivers
    }
    expect(ids(found.rows).sort()).toEqual(ids(inside).sort())
    const steps = ['trip.requested', 'trip.accepted', 'trip.completed'].map((eventType) => ({ eventType }))
    expect(await getJson(`${url}/trips/t-1/history`)).toMatchObject({ rows: steps, before: null })
    expect(await getJson(`${url}/trips/t-1?asOf=2019-03-01T10:19:59Z`)).toMatchObject({ status: 'accepted' })
  }
  expect(near.length).toBeGreaterThan(5)
  for (const { child } of instances) child.kill('SIGTERM')
  for (const { result } of instances) expect(await result).toMatchObject({ code: 0 })
})

it('an HTTP port in use prints one line and ends with exit code 1', async () => {
  await withTopics()
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const address = taken.address()
  const port = typeof address === 'object' && address !== null ? String(address.port) : ''
  try {
    const { code, stderr } = await runCli(['start'], { ...env, HTTP_PORT: port })
    expect([code, stderr]).toEqual([
      1,
      `ride-streams: cannot listen on HTTP_HOST 127.0.0.1, HTTP_PORT ${port}: another process uses the port\n`,
    ])
  } finally {
    taken.close()
  }
})

it('kafka down stops the broker', async () => {
  expect(await runInProcess(['kafka', 'down', '--data', '/elsewhere'], home)).toMatchObject({
    code: 0,
    stdout: 'no local broker with its data in /elsewhere was running\n',
  })
  expect(json(await runCli(['kafka', 'down', '--json'], home))).toMatchObject({
    rows: [{ bootstrap: env.KAFKA_BROKERS }],
  })
  expect(json(await runInProcess(['kafka', 'status', '--json'], home))).toEqual({ rows: [], nextCursor: null })
})
