import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { EVENT_TYPES } from '../../processors/events/schemas.ts'
import { AppProcess } from '../support/app-process.ts'
import { readCommitted } from '../support/kafkajs.ts'
import { type Json, type Oracle, oracle } from '../support/oracle.ts'
import { expectedTables } from '../support/processor-oracle.ts'
import { RideFeeder } from '../support/ride-feeder.ts'
import { rideInput } from '../support/ride-input.ts'
import { borrowRideKafka, type RideKafka } from '../support/ride-kafka.ts'
import { toInput } from '../support/ride-outputs.ts'
import { runInProcess } from '../support/run-in-process.ts'
import { untilDrained } from '../support/until-drained.ts'

/* One application has processed nasty rides; what is exported of it equals what the oracles make of its input. */

const APPLICATION_ID = 'export-test'

let rides: RideKafka
let app: AppProcess
let env: Record<string, string>
let expected: Oracle
let tables: ReturnType<typeof expectedTables>

beforeAll(async () => {
  rides = await borrowRideKafka(APPLICATION_ID)
  env = { KAFKA_BROKERS: rides.bootstrap, APPLICATION_ID, STATE_DIR: rides.directory }
  app = await AppProcess.start(env)
  await app.ready()
  const feeder = new RideFeeder(rideInput({ seed: 29, count: 2500 }), rides.kafka)
  await feeder.feed(feeder.left)
  await feeder.close()
  await untilDrained(rides.bootstrap, APPLICATION_ID, 60_000)
  const input = toInput(await readCommitted(rides.kafka, EVENT_TYPES, 'reader-of-input'))
  expected = oracle(input)
  tables = expectedTables(input)
})

afterAll(async () => {
  await app?.end('SIGKILL')
  await rides?.close()
})

async function exported(line: string): Promise<string> {
  const { code, stdout } = await runInProcess(['export', ...line.split(' ')], env)
  expect([line, code]).toEqual([line, 0])
  return stdout
}

/** A plain reader of RFC 4180. Empty cells are null. */
function csv(text: string): Json[] {
  const lines: (string | null)[][] = [[]]
  for (const [, quoted, plain = '', end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    lines.at(-1)?.push(quoted === undefined ? (plain === '' ? null : plain) : quoted.replaceAll('""', '"'))
    if (end !== ',') lines.push([])
  }
  const [head = [], ...rows] = lines.slice(0, -1)
  return rows.map((row) => Object.fromEntries(row.map((cell, i) => [head[i], cell])))
}

const jsonLines = (text: string): Json[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Json)

const money = (cents: bigint): string => `${cents / 100n}.${(cents % 100n).toString().padStart(2, '0')}`
const moneyOf = (units: unknown): string | null =>
  units === null ? null : money(BigInt(Math.round((units as number) * 100)))

const sorted = (rows: readonly Json[], by: string): Json[] =>
  [...rows].sort((a, b) => (String(a[by]) < String(b[by]) ? -1 : 1))

/** A trip of the oracle as a row of the export. */
function tripRow(trip: Json): Json {
  const place = (name: string) => {
    const at = trip[name] as Json | null
    return Object.fromEntries(['lat', 'lng', 'address'].map((part) => [`${name}_${part}`, at?.[part] ?? null]))
  }
  return {
    trip_id: trip.tripId,
    status: trip.status,
    passenger_id: trip.passengerId,
    driver_id: trip.driverId,
    ...place('pickup'),
    ...place('dropoff'),
    vehicle_type: trip.vehicleType,
    estimated_fare: moneyOf(trip.estimatedFare),
    final_fare: moneyOf(trip.finalFare),
    requested_at: trip.requestedAt,
    accepted_at: trip.acceptedAt,
    started_at: trip.startedAt,
    completed_at: trip.completedAt,
    cancelled_at: trip.cancelledAt,
    updated_at: trip.updatedAt,
    last_event_id: trip.lastEventId,
  }
}

const hours = (): Json[] =>
  [...expected.revenue.values()].map(({ hour, cents, trips }) => ({ hour, revenue: money(cents), trips }))

const texts = (rows: readonly Json[]): Json[] =>
  rows.map((row) =>
    Object.fromEntries(Object.entries(row).map(([name, cell]) => [name, cell === null ? null : String(cell)])),
  )

const isFull = ({ trips }: Json): boolean => Number(trips) > 0

it.each(['analytics.hourly_revenue', 'hourly-revenue'])(
  'CSV of %s has the hours of the oracle, with amounts to the cent',
  async (name) => {
    const rows = csv(await exported(name)).filter(isFull)
    expect(sorted(rows, 'hour')).toEqual(sorted(texts(hours()), 'hour'))
    expect(rows.every(({ revenue }) => /^\d+\.\d\d$/.test(String(revenue)))).toBe(true)
  },
)

it.each(['trip.state', 'trip-state'])('JSON lines of %s have the trips of the oracle', async (name) => {
  const rows = jsonLines(await exported(`${name} --format jsonl`))
  expect(sorted(rows, 'trip_id')).toEqual(sorted([...expected.trips.values()].map(tripRow), 'trip_id'))
})

it('Parquet, read by another reader, has the trips of the oracle; instants are timestamps', async () => {
  const out = join(rides.directory, 'trips.parquet')
  expect(await exported(`trip.state --out ${out}`)).toBe('')
  const rows = (await parquetReadObjects({ file: await asyncBufferFromFile(out) })) as Json[]
  const shown = rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, cell]) => [name, cell instanceof Date ? cell.toISOString() : (cell ?? null)]),
    ),
  )
  expect(rows.every(({ updated_at: at }) => at instanceof Date)).toBe(true)
  expect(sorted(shown, 'trip_id')).toEqual(sorted([...expected.trips.values()].map(tripRow), 'trip_id'))
  // The file had another name until it was whole.
  expect((await readdir(rides.directory)).filter((file) => file.includes('.part'))).toEqual([])
})

it('the funnel and the earnings equal those of their oracle', async () => {
  const snake = (row: Json): Json =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [
        name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
        name === 'earnings' ? moneyOf(value) : value,
      ]),
    )
  const funnel = jsonLines(await exported('analytics.trip_funnel --format jsonl'))
  expect(
    sorted(
      funnel.filter(({ requested }) => requested !== 0),
      'hour',
    ),
  ).toEqual(sorted([...tables.funnel.values()].map(snake), 'hour'))
  const key = (rows: readonly Json[]) => sorted(rows, 'key')
  const named = (row: Json): Json => ({ ...row, key: `${row.driver_id}|${row.day}` })
  for (const name of ['driver.earnings', 'driver-earnings']) {
    const earnings = jsonLines(await exported(`${name} --format jsonl`)).filter(isFull)
    expect(key(earnings.map(named))).toEqual(key([...tables.earnings.values()].map(snake).map(named)))
  }
})

it('a stream has every record: all changes of cells, and the drivers of the store the last ones', async () => {
  const changes = jsonLines(await exported('driver.cell.changed --format jsonl'))
  expect(Map.groupBy(changes, ({ driver_id: id }) => id)).toEqual(
    new Map(
      [...expected.cellChanges].map(([driverId, list]) => [
        driverId,
        list.map(({ value }) => {
          const { driverId: id, previousCell, ...rest } = value
          return { driver_id: id, previous_cell: previousCell, ...rest }
        }),
      ]),
    ),
  )
  const drivers = jsonLines(await exported('driver-cells --format jsonl'))
  const rows = [...expected.drivers.values()].map(({ driverId, ...rest }) => ({ driver_id: driverId, ...rest }))
  expect(sorted(drivers, 'driver_id')).toEqual(sorted(rows, 'driver_id'))
})

it('events are exported without dead letters, which are counted', async () => {
  const { stdout, stderr } = await runInProcess(['export', 'trip.completed', '--format', 'jsonl'], env)
  // The reader of the input has left one more in each of three partitions.
  const letters = expected.deadLetters.filter(({ topic }) => topic === 'trip.completed').length + 3
  expect(stderr).toBe(`${letters} records of trip.completed are no valid rows and left out\n`)
  const events = jsonLines(stdout)
  const last = new Map(events.map((event) => [event.event_id, event]))
  for (const { lastEventId, status, finalFare } of expected.trips.values()) {
    const event = last.get(lastEventId as string)
    if (status === 'completed' && event !== undefined) expect(event.final_fare).toBe(moneyOf(finalFare))
  }
  expect(events.every(({ timestamp }) => /Z$/.test(String(timestamp)))).toBe(true)
})

it('--from and --to choose by event time: from is in, to is out', async () => {
  const all = hours()
    .map(({ hour }) => String(hour))
    .sort()
  const [, from = '', , to = ''] = all
  const rows = csv(await exported(`analytics.hourly_revenue --from ${from} --to ${to}`))
  expect(rows.map(({ hour }) => String(hour)).sort()).toEqual(all.slice(1, 3))
})

it('--history has every record of a table, in order', async () => {
  const last = csv(await exported('analytics.hourly_revenue'))
  const every = csv(await exported('analytics.hourly_revenue --history'))
  expect(every.length).toBeGreaterThan(last.length)
  expect(sorted([...new Map(every.map((row) => [row.hour, row])).values()], 'hour')).toEqual(sorted(last, 'hour'))
})

it('a store of another shape has its rows as they are; an unknown name is one line that lists the names', async () => {
  const rows = jsonLines(await exported('trip-history --format jsonl'))
  expect(rows.every(({ key, value }) => typeof key === 'string' && typeof value === 'string')).toBe(true)
  const { code, stderr } = await runInProcess(['export', 'nothing'], env)
  expect([code, stderr]).toEqual([2, expect.stringMatching(/^ride-streams: there is no topic or store nothing; .*\n$/)])
})

it('a file that cannot be written fails with one line, and leaves what was there', async () => {
  const { code, stderr } = await runInProcess(['export', 'trip.state', '--out', '/nowhere/trips.csv'], env)
  expect([code, stderr]).toEqual([1, expect.stringMatching(/^ride-streams: .*\/nowhere\/trips\.csv\.part.*\n$/)])
  const out = join(rides.directory, 'kept.csv')
  await exported(`trip.state --out ${out}`)
  const before = await readFile(out, 'utf8')
  const failed = await runInProcess(['export', 'trip-state', '--out', out], { ...env, APPLICATION_ID: 'nobody' })
  expect([failed.code, await readFile(out, 'utf8')]).toEqual([1, before])
})
