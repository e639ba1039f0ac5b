import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { loadRideConfig } from '../../app/config/ride-config.ts'
import { AuditTrail } from '../../app/export/postgres/audit-trail.ts'
import { rideHttp } from '../../app/http/ride-http.ts'
import { encodeCursor } from '../../infra/http/cursor.ts'
import { createHttpApp } from '../../infra/http/server.ts'
import { freePorts } from '../../infra/local-kafka/readiness.ts'
import { createLogger } from '../../infra/logging/logger.ts'
import { EVENT_TYPES, TRIP_EVENT_TYPES } from '../../processors/events/schemas.ts'
import { AppProcess } from '../support/app-process.ts'
import { committedOnDisk } from '../support/committed-on-disk.ts'
import { InMemoryInstance } from '../support/in-memory-instance.ts'
import { kafkajsProducer, readCommitted } from '../support/kafkajs.ts'
import { type Json, oracle } from '../support/oracle.ts'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { expectedTables, rawEvent } from '../support/processor-oracle.ts'
import { RideFeeder } from '../support/ride-feeder.ts'
import { rideInput } from '../support/ride-input.ts'
import { borrowRideKafka, type RideKafka } from '../support/ride-kafka.ts'
import { toInput } from '../support/ride-outputs.ts'
import { projectRoot, runCli, spawnCli } from '../support/run-cli.ts'
import { untilDrained } from '../support/until-drained.ts'

/* An exporter is killed while rides come in; at the end the tables equal the oracle. */

const APPLICATION_ID = 'postgres-test'

let rides: RideKafka
let postgres: TestPostgres
let client: pg.Client
let app: AppProcess
let env: Record<string, string>

beforeAll(async () => {
  ;[rides, postgres] = await Promise.all([borrowRideKafka(APPLICATION_ID), startPostgres()])
  env = { KAFKA_BROKERS: rides.bootstrap, APPLICATION_ID, STATE_DIR: rides.directory }
  app = await AppProcess.start(env)
  client = new pg.Client({ connectionString: postgres.url })
  await client.connect()
})

afterAll(async () => {
  await client?.end()
  await app?.end('SIGKILL')
  await postgres?.stop()
  await rides?.close()
})

const rows = async (sql: string): Promise<Json[]> => (await client.query<Json>(sql)).rows

/** Offsets that are in Postgres, summed; 0 before there is a table. */
async function exported(): Promise<number> {
  const sum = await rows('SELECT sum(next_offset) AS sum FROM rides.kafka_offsets').catch(() => [])
  return Number(sum[0]?.sum ?? 0)
}

async function untilMoved(from: number): Promise<void> {
  while ((await exported()) <= from) await new Promise((resolve) => setTimeout(resolve, 10))
}

/** Runs all queries of the page as they are. Those of revenue find what the oracle has. */
async function checkPage(revenue: ReadonlyMap<string, { readonly cents: number | bigint }>): Promise<void> {
  const page = readFileSync(join(projectRoot, 'docs/analysts.md'), 'utf8')
  const blocks = [...page.matchAll(/```sql\n(.*?)```/gs)].map(([, sql = '']) => sql.replace(/^--.*$/gm, ''))
  const statements = blocks.flatMap((block) => block.split(';')).filter((one) => one.trim() !== '')
  expect(statements.length).toBe(7)
  const total = [...revenue.values()].reduce((sum, { cents }) => sum + Number(cents), 0)
  let withRevenue = 0
  for (const statement of statements) {
    const found = await rows(
      statement.replaceAll(/\$__timeFilter\((\w+)\)/g, "$1 BETWEEN '2000-01-01Z' AND '2100-01-01Z'"),
    )
    if (!/CREATE|audit|changes/.test(statement)) {
      withRevenue++
      expect(found.reduce((sum, row) => sum + Math.round(Number(row.revenue ?? row.sum) * 100), 0)).toBe(total)
    }
    if (statement.includes('CREATE TABLE')) {
      const zones = readFileSync(join(projectRoot, 'data/nyc-taxi-zones.csv'), 'utf8').trim().split('\n').slice(1)
      for (const zone of zones)
        await client.query('INSERT INTO rides.zones VALUES ($1, $2, $3, $4, $5)', zone.trim().split(','))
    }
  }
  expect(withRevenue).toBe(4)
}

const TABLES = ['trip.state', 'analytics.hourly_revenue', 'analytics.trip_funnel', 'driver.earnings']
const STREAMS = ['driver.cell.changed', 'trip.offers', 'analytics.cell_demand']

/** The environment is that of the application. */
async function auditServer(url: string, schema = ''): Promise<FastifyInstance> {
  const audit = AuditTrail.of(loadRideConfig({ AUDIT_POSTGRES_URL: url, AUDIT_POSTGRES_SCHEMA: schema }))
  return await createHttpApp({
    instance: new InMemoryInstance(),
    application: rideHttp({ h3Resolution: 9, driverTtlMs: 0, audit }),
    token: null,
    logger: createLogger({ level: 'silent' }),
  })
}

async function allPages(http: FastifyInstance, url: string): Promise<Json[]> {
  const found: Json[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { statusCode, body } = await http.inject({ url: cursor === '' ? url : `${url}&cursor=${cursor}` })
    expect([url, statusCode]).toEqual([url, 200])
    const page = JSON.parse(body) as { rows: Json[]; nextCursor: string | null }
    found.push(...page.rows)
    cursor = page.nextCursor
  }
  return found
}

/** Closed windows, written as the application writes them: its own would close ten seconds after all has been processed. */
async function writeDemand(windows: number): Promise<void> {
  const instant = (minutes: number) =>
    `${new Date(Date.UTC(2019, 2, 1) + minutes * 60_000).toISOString().slice(0, -5)}Z`
  const cell = '872a100d2ffffff'
  const messages = Array.from({ length: windows }, (_, n) => {
    const [windowStart, windowEnd] = [instant(5 * n), instant(5 * n + 5)]
    const row = { cell, windowStart, windowEnd, requests: n, completions: windows - n }
    return { key: `${cell}@${windowStart}`, value: JSON.stringify(row) }
  })
  const producer = await kafkajsProducer(rides.kafka)
  await producer.send({ topic: 'analytics.cell_demand', messages })
  await producer.disconnect()
}

/** `{pickup: {lat}}` becomes `{pickup_lat}`. */
function flat(value: Json, before = ''): Json {
  const entries = Object.entries(value).flatMap(([name, one]): [string, unknown][] => {
    const column = before + name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    const isObject = typeof one === 'object' && one !== null && !Array.isArray(one)
    return isObject ? Object.entries(flat(one as Json, `${column}_`)) : [[column, one]]
  })
  return Object.fromEntries(entries)
}

/**
 * Every table of an output has what the broker's own files hold, in every column and no row more; and the files hold what the oracle
 * makes of the input.
 */
async function checkTables(input: ReturnType<typeof toInput>, directory: string): Promise<void> {
  const records = await committedOnDisk(directory, [...TABLES, ...STREAMS])
  for (const topic of [...TABLES, ...STREAMS]) {
    const all = records.filter((record) => record.topic === topic)
    const isTable = TABLES.includes(topic)
    const kept = isTable ? [...new Map(all.map((record) => [String(record.key), record])).values()] : all
    const expected = kept.map(({ key, value, partition, offset }) => ({
      ...flat(JSON.parse(String(value)) as Json),
      ...(isTable ? { record_key: String(key) } : { record_partition: partition, record_offset: Number(offset) }),
    }))
    const table = `rides.${topic.replaceAll('.', '_')}`
    const columns = `SELECT column_name AS name FROM information_schema.columns WHERE table_schema || '.' || table_name = $1`
    const { rows: found } = await client.query<{ name: string }>(columns, [table])
    const names = found.map(({ name }) => name).filter((name) => name !== 'record_id')
    const sides = [
      `SELECT ${names.join()} FROM ${table}`,
      `SELECT ${names.join()} FROM jsonb_populate_recordset(NULL::${table}, $1)`,
    ]
    for (const [a, b] of [sides, sides.toReversed()]) {
      const sql = `SELECT * FROM (${a} EXCEPT ALL ${b}) AS d, jsonb_array_length($1) LIMIT 3`
      expect([topic, (await client.query(sql, [JSON.stringify(expected)])).rows]).toEqual([topic, []])
    }
    expect([topic, expected.length > 0]).toEqual([topic, true])
  }
  const { funnel, earnings } = expectedTables(input)
  const latest = (topic: string) =>
    new Map(
      records.filter((one) => one.topic === topic).map(({ key, value }) => [String(key), JSON.parse(String(value))]),
    )
  expect(latest('analytics.trip_funnel')).toEqual(funnel)
  const earned = [...latest('driver.earnings')].filter(([, row]) => row.trips > 0)
  expect(new Map(earned)).toEqual(earnings)
}

it('the audit route says so when its database does not answer, and when none is named', async () => {
  const [port = 0] = await freePorts(1)
  const http = await auditServer(`postgres://rides@127.0.0.1:${port}/postgres`)
  expect((await http.inject({ url: '/audit?tripId=t' })).json()).toMatchObject({ error: { code: 'AUDIT_UNAVAILABLE' } })
  await http.close()
  const without = await createHttpApp({
    instance: new InMemoryInstance(),
    application: rideHttp({ h3Resolution: 9, driverTtlMs: 0 }),
    token: null,
    logger: createLogger({ level: 'silent' }),
  })
  expect((await without.inject({ url: '/audit?tripId=t' })).statusCode).toBe(404)
  await without.close()
})

it('tables equal the oracle after kills -9 of the exporter in the middle; a tombstone deletes its row', async () => {
  await writeDemand(500)
  const feeder = new RideFeeder(rideInput({ seed: 31, count: 2000 }), rides.kafka)
  const feeding = feeder.feed(feeder.left)
  for (let kill = 0; kill < 3; kill++) {
    const before = await exported()
    const exporter = spawnCli(['export', 'postgres', '--url', postgres.url], env)
    await untilMoved(before)
    const ended = new Promise((resolve) => exporter.once('exit', resolve))
    exporter.kill('SIGKILL')
    await ended
  }
  await feeding
  await feeder.close()
  await untilDrained(rides.bootstrap, APPLICATION_ID, 60_000)
  // Windows close by the clock, too.
  await app.end('SIGTERM')
  const once = ['export', 'postgres', '--url', postgres.url, '--once']
  expect(await runCli(once, env)).toMatchObject({ code: 0 })

  const input = toInput(await readCommitted(rides.kafka, EVENT_TYPES, 'reader-of-input'))
  const expected = oracle(input)
  const trips = await rows('SELECT trip_id, status, final_fare::text AS fare, updated_at FROM rides.trip_state')
  const instants = ({ updated_at: at, ...row }: Json): Json => ({ ...row, at: (at as Date).toISOString() })
  const byTrip = (list: Json[]) => new Map(list.map((trip) => [trip.trip_id, trip]))
  expect(byTrip(trips.map(instants))).toEqual(
    byTrip(
      [...expected.trips.values()].map(({ tripId, status, finalFare, updatedAt }) => ({
        ...{ trip_id: tripId, status, at: updatedAt },
        fare: finalFare === null ? null : (finalFare as number).toFixed(2),
      })),
    ),
  )
  const hours = await rows('SELECT hour, (revenue * 100)::bigint AS cents, trips FROM rides.analytics_hourly_revenue')
  const full = hours.filter(({ trips: count }) => Number(count) > 0)
  expect(new Map(full.map(({ hour, cents, trips: n }) => [(hour as Date).toISOString(), `${cents} ${n}`]))).toEqual(
    new Map(
      [...expected.revenue.values()].map((one) => [new Date(one.hour).toISOString(), `${one.cents} ${one.trips}`]),
    ),
  )
  // Each hour is over, so the corrections hold all of its values, in a chain.
  const chains = new Map<string, Json[]>()
  for (const change of await rows('SELECT hour::text, old_revenue, revenue FROM rides.revenue_changes ORDER BY ctid')) {
    chains.set(String(change.hour), [...(chains.get(String(change.hour)) ?? []), change])
  }
  const sql = 'SELECT hour::text, revenue FROM rides.analytics_hourly_revenue'
  expect([...chains].map(([hour, chain]) => [hour, chain.at(-1)?.revenue]).sort()).toEqual(
    (await rows(sql)).map(({ hour, revenue }) => [hour, revenue]).sort(),
  )
  for (const chain of chains.values()) {
    expect(chain.map((change) => change.old_revenue)).toEqual([null, ...chain.slice(0, -1).map((one) => one.revenue)])
  }

  await checkTables(input, join(rides.broker.dataDir, 'data'))
  await checkPage(expected.revenue)

  const changes = await rows('SELECT count(*)::int AS count FROM rides.driver_cell_changed')
  expect(changes[0]?.count).toBe([...expected.cellChanges.values()].reduce((sum, list) => sum + list.length, 0))

  const letters = new Set(expected.deadLetters.map(({ topic, partition, offset }) => `${topic}-${partition}@${offset}`))
  const valid = input.filter(
    ({ topic, partition, offset }) => topic.startsWith('trip.') && !letters.has(`${topic}-${partition}@${offset}`),
  )
  // An export from the beginning meets every dead letter of a trip, and the marks of readCommitted: one in each partition.
  const invalid = new Map<string, number>(TRIP_EVENT_TYPES.map((type) => [type, 3]))
  for (const { topic } of expected.deadLetters) invalid.set(topic, (invalid.get(topic) ?? 0) + 1)
  invalid.delete('driver.location.updated')
  const again = await runCli([...once, '--schema', 'again', 'audit'], env)
  expect(again.stderr.trimEnd().split('\n').sort()).toEqual(
    [...invalid]
      .map(
        ([topic, count]) =>
          `${count} record${count === 1 ? ' of' : 's of'} ${topic} ${count === 1 ? 'is no valid row' : 'are no valid rows'} and left out`,
      )
      .sort(),
  )
  const events = new Set(
    valid.map((record) => {
      const { type, id, instant, eventId } = rawEvent({ ...record, invalid: null })
      return JSON.stringify([type, id, String(instant), eventId])
    }),
  )
  const audit = await rows('SELECT count(*)::int AS count FROM rides.audit')
  expect(audit[0]?.count).toBe(events.size)

  const someone = [...expected.trips.values()].find(({ passengerId }) => passengerId !== null)?.passengerId
  const ofPassenger = new Set(
    valid
      .filter(({ value }) => (JSON.parse(String(value)) as { data: Json }).data.passengerId === someone)
      .map(({ key }) => String(key)),
  )
  const theirs = [...events].filter((event) => ofPassenger.has((JSON.parse(event) as string[])[1] ?? ''))
  const trail = await runCli(['audit', '--passenger', String(someone), '--json', '--url', postgres.url], env)
  expect([trail.code, trail.stderr]).toEqual([0, ''])
  const printed = (JSON.parse(trail.stdout) as { rows: Json[] }).rows
  const short = (row: unknown[]) => row.slice(0, 3).join(' ')
  expect(printed.map((row) => short([row.what, row.trip_id, row.event_id])).sort()).toEqual(
    theirs
      .map((event) => JSON.parse(event) as string[])
      .map(([type, trip, , id]) => short([type, trip, id]))
      .sort(),
  )
  // Another form of bytes is the default of some databases.
  const http = await auditServer(`${postgres.url}?options=${encodeURIComponent('-c bytea_output=escape')}`)
  const asked = await allPages(http, `/audit?passengerId=${encodeURIComponent(String(someone))}&limit=2`)
  const keys = ['who', 'what', 'when'] as const
  expect(asked).toEqual(
    printed.map((row) => ({
      ...Object.fromEntries(keys.map((name) => [name, row[name]])),
      ...{ tripId: row.trip_id, driverId: row.driver_id, passengerId: row.passenger_id, eventId: row.event_id },
      data: JSON.parse(String(row.data)),
    })),
  )
  expect(asked.length).toBeGreaterThan(3)
  const { when: from } = asked[3] as { when: string }
  const later = await allPages(http, `/audit?passengerId=${encodeURIComponent(String(someone))}&from=${from}`)
  expect(later).toEqual(asked.filter(({ when }) => String(when) >= from))
  const answers = async (query: string) => (await http.inject({ url: `/audit?${query}` })).statusCode
  const time = '2019-03-01T10:00:00+00:00'
  const places = [['x'], [time, 'e', 'no bytes'], ['2019-13-41T10:00:00+00:00', 'e', '00'], [time, '\0', '00']]
  const cursors = places.map((place) => `tripId=t&cursor=${encodeCursor('audit', JSON.stringify(place))}`)
  const bad = ['', 'limit=5', ...cursors, 'tripId=t&from=now']
  expect(await Promise.all(bad.map(answers))).toEqual(bad.map(() => 400))
  expect(await allPages(http, '/audit?tripId=nobody')).toEqual([])
  expect(await allPages(http, '/audit?tripId=%00')).toEqual([])
  // A page may end at an event with a long id.
  const long = encodeCursor('audit', JSON.stringify([time, 'e'.repeat(16_000), '00']))
  expect(await allPages(http, `/audit?tripId=nobody&cursor=${long}`)).toEqual([])
  await http.close()

  // Another schema holds what its export was told to keep there.
  await client.query('CREATE SCHEMA "of march"')
  await client.query(`CREATE TABLE "of march".audit AS SELECT * FROM rides.audit WHERE event_id = $1`, [
    String(asked[3]?.eventId),
  ])
  const ofMarch = await auditServer(postgres.url, 'of march')
  expect(await allPages(ofMarch, `/audit?tripId=${asked[3]?.tripId}`)).toEqual([asked[3]])
  await ofMarch.close()
  const ofApril = await auditServer(postgres.url, 'of april')
  expect((await ofApril.inject({ url: '/audit?tripId=t' })).json()).toMatchObject({
    error: { code: 'AUDIT_UNAVAILABLE', message: 'the audit trail cannot be read: the log says why' },
  })
  await ofApril.close()

  const csv = await runCli(['audit', '--passenger', String(someone), '--csv', '--url', postgres.url], env)
  expect(csv.stdout).toMatch(/^when,who,what,trip_id,driver_id,passenger_id,event_id,data\r\n/)

  const [gone = ''] = expected.trips.keys()
  const producer = await kafkajsProducer(rides.kafka)
  await producer.send({ topic: 'trip.state', messages: [{ key: gone, value: null }] })
  await producer.disconnect()
  expect(await runCli(once, env)).toMatchObject({ code: 0 })
  const left = await rows('SELECT count(*)::int AS count FROM rides.trip_state')
  expect(left[0]?.count).toBe(expected.trips.size - 1)
}, 120_000)
