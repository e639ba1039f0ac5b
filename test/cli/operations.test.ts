import { latLngToCell } from 'h3-js'
import type { Producer } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Cause } from '../../infra/streams/causes/index.ts'
import { partitionForKey } from '../../topology/index.ts'
import { AppProcess } from '../support/app-process.ts'
import { kafkajsProducer } from '../support/kafkajs.ts'
import { borrowRideKafka, type RideKafka } from '../support/ride-kafka.ts'
import type { CliResult } from '../support/run-cli.ts'
import { runInProcess } from '../support/run-in-process.ts'
import { untilDrained } from '../support/until-drained.ts'

/*
 * The operator's commands, as docs/operations.md shows them, against one running application: query, dlq, and verify at
 * the end of its life.
 */

const APPLICATION_ID = 'operations-test'
/** Clears the screen, makes a line of its own, and turns the rest around. */
const HOSTILE = 'x\u001b[2J\nresult ok \u202eedoc'
const HOSTILE_PRINTED = 'x\\u001b[2J\\nresult ok \\u202eedoc'
let rides: RideKafka
let producer: Producer
let app: AppProcess
let env: Record<string, string>

beforeAll(async () => {
  rides = await borrowRideKafka(APPLICATION_ID)
  const token = 'correct-horse-battery'
  env = { KAFKA_BROKERS: rides.bootstrap, APPLICATION_ID, STATE_DIR: rides.directory, HTTP_TOKEN: token }
  app = await AppProcess.start(env)
  await app.ready()
  env.HTTP_PORT = new URL(app.url).port
  producer = await kafkajsProducer(rides.kafka)
  const ping = { driverId: 'd-1', location: { lat: 40.75, lng: -73.98 }, status: 'available' }
  await produce('driver.location.updated', 'd-1', '10:00', ping)
  await produce('trip.accepted', 't-1', '10:01', { tripId: 't-1', driverId: 'd-1' })
  await produce('trip.completed', 't-1', '10:20', { tripId: 't-1', finalFare: 12.25 })
  await produce('trip.completed', 't-2', '12:20', { tripId: 't-2', finalFare: 7 })
  await produce('trip.completed', 't-3', '12:30', { tripId: 't-3', finalFare: -7 })
  await produce('trip.accepted', 't-4', '12:30', { tripId: 't-5', driverId: 'd-1' })
  await untilDrained(rides.bootstrap, APPLICATION_ID, 30_000)
})

afterAll(async () => {
  await producer?.disconnect()
  await app?.end('SIGKILL')
  await rides?.close()
})

async function produce(topic: string, key: string, time: string, data: object): Promise<void> {
  const timestamp = `2019-03-01T${time}:00Z`
  const value = { eventId: `${key}-${topic}`, eventType: topic, eventVersion: '1.0', timestamp, data }
  await producer.send({ topic, messages: [{ key, value: JSON.stringify(value), headers: { 'x-own': 'kept' } }] })
}

const cli = (line: string): Promise<CliResult> => runInProcess(line.split(' '), env)

async function json<T>(line: string): Promise<T> {
  const { code, stdout, stderr } = await cli(`${line} --json`)
  expect([line, code, stderr]).toEqual([line, 0, ''])
  return JSON.parse(stdout) as T
}

describe('query', () => {
  it('prints the trip or driver that the instance answers', async () => {
    const headers = { authorization: `Bearer ${env.HTTP_TOKEN}` }
    const trip = (await (await fetch(`${app.url}/trips/t-1`, { headers })).json()) as object
    expect(trip).toMatchObject({ status: 'completed', finalFare: 12.25 })
    expect(await json('query trip t-1')).toEqual(trip)
    expect((await cli('query trip t-1')).stdout).toMatch(/^FIELD +VALUE\ntripId +t-1\nstatus +completed\n/)
    expect(await json('query driver d-1')).toMatchObject({ driverId: 'd-1', cell: latLngToCell(40.75, -73.98, 9) })
    expect(await json(`query driver d-1 --url ${app.url}/`)).toMatchObject({ driverId: 'd-1' })
  })

  it('prints the hours between the bounds', async () => {
    const rows = [
      { hour: '2019-03-01T10:00:00Z', revenue: 12.25, trips: 1 },
      { hour: '2019-03-01T12:00:00Z', revenue: 7, trips: 1 },
    ]
    expect(await json('query revenue')).toEqual({ rows, nextCursor: null })
    const late = 'query revenue --from 2019-03-01T11:00:00Z --to 2019-03-02T00:00:00+00:00'
    expect(await json(late)).toEqual({ rows: rows.slice(1), nextCursor: null })
    expect((await cli(late)).stdout).toMatch(/^HOUR +REVENUE +TRIPS\n2019-03-01T12:00:00Z +7\.00 +1\n$/)
    expect((await cli(`${late} --csv`)).stdout).toBe('hour,revenue,trips\r\n2019-03-01T12:00:00Z,7.00,1\r\n')
  })

  it('adds revenue up by day and by zone', async () => {
    const day = { day: '2019-03-01', revenue: 19.25, trips: 2 }
    expect(await json('query revenue --by day')).toEqual({ rows: [day], nextCursor: null })
    expect((await cli('query revenue --by day --csv')).stdout).toBe('day,revenue,trips\r\n2019-03-01,19.25,2\r\n')
    const { rows } = await json<{ rows: { zone: string | null; revenue: number }[] }>('query revenue --by zone')
    expect(rows.reduce((sum, { revenue }) => sum + revenue, 0)).toBe(19.25)
    expect((await cli('query revenue --by zone')).stdout).toMatch(/^ZONE +REVENUE +TRIPS\n/)
  })

  it('reads corrections of revenue from the topic', async () => {
    // The records have the time of the test, so by then the topic had none of them.
    const since = 'query revenue --corrections --since 2019-03-05T00:00:00Z'
    const old = { oldRevenue: null, oldTrips: null }
    const rows = [
      { hour: '2019-03-01T10:00:00Z', revenue: 12.25, trips: 1, ...old },
      { hour: '2019-03-01T12:00:00Z', revenue: 7, trips: 1, ...old },
    ]
    expect(await json(since)).toEqual({ rows, nextCursor: null })
    const lines = 'hour,old_revenue,revenue,old_trips,trips\r\n2019-03-01T10:00:00Z,,12.25,,1\r\n'
    expect((await cli(`${since} --csv`)).stdout).toBe(`${lines}2019-03-01T12:00:00Z,,7.00,,1\r\n`)
    expect(await json('query revenue --corrections --since 2099-01-01T00:00:00Z')).toEqual({
      rows: [],
      nextCursor: null,
    })
    expect(await cli('query revenue --corrections')).toMatchObject({ code: 2, stdout: '' })
  })

  it('prints one line with exit code 1 for an unknown id and for a wrong token', async () => {
    expect(await cli('query trip nobody')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'ride-streams: there is no trip nobody\n',
    })
    const refused = await runInProcess(['query', 'trip', 't-1'], { ...env, HTTP_TOKEN: 'another-token' })
    expect([refused.code, refused.stdout]).toEqual([1, ''])
    expect(refused.stderr).toMatch(/^ride-streams: http:\/\/127\.0\.0\.1:\d+ answered with status 401: [^\n]+\n$/)
  })
})

interface Letters {
  readonly rows: ReadonlyArray<{ letter: string; source: string; key: string; message: string; redriven: boolean }>
}

describe('why', () => {
  it('shows the event behind an hour of revenue, through both tasks, and the stores before and after', async () => {
    const partition = partitionForKey(Buffer.from('2019-03-01T10:00:00Z'), 3)
    const place = `analytics.hourly_revenue:${partition}:0`
    const { how, input, chain, path, record } = await json<Cause>(`why ${place}`)
    expect([how, input?.topic, path.length]).toEqual(['same', 'trip.completed', 2])
    const trip = chain?.steps[0]?.rows.find(({ store }) => store === 'trip-state')
    expect(trip).toMatchObject({ key: input?.key, isWritten: true })
    expect(chain?.steps[path[1] ?? 0]?.rows).toMatchObject([{ store: 'hourly-revenue', key: record.key, before: null }])
    expect((await cli(`why ${place}`)).stdout).toMatch(/ -> analytics\.hourly_revenue:\d .* {3}<- this record$/m)
  })

  it('shows why an event became a dead letter', async () => {
    const letter = (await json<Letters>('dlq list')).rows.find(({ key }) => key === 't-3')?.letter
    const { how, input, chain } = await json<Cause>(`why ${letter}`)
    expect([how, input?.topic, input?.key, chain?.steps[0]?.visits]).toEqual(['named', 'trip.completed', 't-3', []])
    expect(chain?.steps[0]?.error).toContain('finalFare')
  })
})

describe('dlq', () => {
  const newest = async () => (await json<Letters>('dlq list')).rows

  it('list shows the source and the reason of each dead letter', async () => {
    const rows = await newest()
    expect(rows.map(({ key, redriven }) => [key, redriven]).sort()).toEqual([
      ['t-3', false],
      ['t-4', false],
    ])
    const { stdout } = await cli('dlq list --limit 50 --reason finalFare')
    expect(stdout).toMatch(
      /^LETTER +SOURCE +REASON +MESSAGE *\n\d:0 +trip\.completed-\d@\d+ +schema +data\.finalFare .*\n$/,
    )
    expect((await json<Letters>('dlq list --limit 1 --topic trip.accepted')).rows).toMatchObject([{ key: 't-4' }])
    expect((await json<Letters>('dlq list --limit 0 --reason nonsense')).rows).toEqual([])
  })

  it('show prints headers, key and value of one dead letter', async () => {
    const letter = (await newest()).find(({ key }) => key === 't-3')?.letter ?? ''
    const shown = await json<{ value: { text: string }; headers: { key: string; text: string }[] }>(
      `dlq show ${letter}`,
    )
    expect(JSON.parse(shown.value.text)).toMatchObject({ data: { finalFare: -7 } })
    expect(shown.headers).toContainEqual({ key: 'x-own', text: 'kept' })
    expect(shown.headers).toContainEqual({ key: '__streams.errors.topic', text: 'trip.completed' })
    const { stdout } = await cli(`dlq show ${letter}`)
    expect(stdout).toMatch(/^header +__streams\.errors\.exception: InvalidRecordError$/m)
    expect(stdout).toMatch(/^key +t-3$/m)
    const missing = await cli('dlq show 0:999')
    expect(missing).toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'ride-streams: there is no dead letter 0:999 in operations-test.dlq\n',
    })
  })

  it('redrive sends each dead letter back once; a record that is still invalid becomes a dead letter again', async () => {
    const letter = (await newest()).find(({ key }) => key === 't-3')?.letter ?? ''
    const dry = await json<{ rows: { result: string }[] }>('dlq redrive --all --dry-run')
    expect(dry.rows.map(({ result }) => result)).toEqual(['would-redrive', 'would-redrive'])
    expect(await json('dlq redrive --all --topic trip.completed')).toMatchObject({
      rows: [{ letter, key: 't-3', result: 'redriven' }],
    })
    expect((await cli(`dlq redrive ${letter}`)).stdout).toMatch(/ already redriven$/m)
    await untilDrained(rides.bootstrap, APPLICATION_ID, 30_000)
    const rows = (await newest()).filter(({ key }) => key === 't-3')
    expect(rows.map(({ redriven }) => redriven)).toEqual([true, false])
    const again = await json<{ headers: { key: string; text: string }[] }>(`dlq show ${rows[1]?.letter}`)
    const [partition, offset] = letter.split(':')
    expect(again.headers).toContainEqual({ key: 'redriven-from', text: `operations-test.dlq-${partition}@${offset}` })
  })
})

describe('text written by others', () => {
  const unseen = /[^\n -~…]/
  const hostile = async () => (await json<Letters>('dlq list')).rows.find(({ key }) => key === HOSTILE)?.letter ?? ''

  it('is escaped, so that a terminal shows it and does not obey it', async () => {
    await produce('trip.cancelled', HOSTILE, '12:40', { tripId: HOSTILE })
    await produce('trip.cancelled', HOSTILE, '12:50', { tripId: HOSTILE, reason: 5 })
    await untilDrained(rides.bootstrap, APPLICATION_ID, 30_000)
    const letter = await hostile()
    for (const line of [
      ['query', 'trip', HOSTILE],
      ['rebuild-trip', HOSTILE, '--events'],
      ['rebuild-trip', `${HOSTILE}?`],
      ['dlq', 'show', letter],
      ['dlq', 'redrive', letter, '--dry-run'],
      ['dlq', 'show', HOSTILE],
    ]) {
      const { stdout, stderr } = await runInProcess(line, env)
      expect([line, unseen.test(stdout + stderr)]).toEqual([line, false])
    }
    expect((await runInProcess(['query', 'trip', HOSTILE], env)).stdout).toContain(
      `tripId         ${HOSTILE_PRINTED}\n`,
    )
    expect((await cli(`dlq show ${letter}`)).stdout).toContain(`key     ${HOSTILE_PRINTED}\n`)
    expect(await json<Record<string, unknown>>(`dlq show ${letter}`)).toMatchObject({ key: { text: HOSTILE } })
  })
})

it('verify finds nothing until another program writes into a store or an output', async () => {
  expect(await json('verify')).toMatchObject({ rows: [], nextCursor: null, total: 0, gone: [] })
  expect(await app.end('SIGTERM')).toBe(0)
  const clean = await cli('verify')
  expect([clean.code, clean.stderr]).toEqual([0, ''])
  // The third is of a test before this one, if that ran.
  expect(clean.stdout).toMatch(/^trip\.state +[23] +0 +0$/m)
  expect(clean.stdout).toMatch(/^driver\.earnings +\d+ +0 +0$/m)
  expect(clean.stdout).not.toMatch(/not compared/)

  const wrong = { hour: '2019-03-01T10:00:00Z', revenue: 12.26, trips: 1 }
  const hour = { key: wrong.hour, value: JSON.stringify(wrong) }
  await producer.send({ topic: 'analytics.hourly_revenue', messages: [hour] })
  await producer.send({ topic: `${APPLICATION_ID}-trip-state-changelog`, messages: [{ key: 't-1', value: null }] })
  const found = await cli('verify --json')
  expect([found.code, found.stderr]).toEqual([
    1,
    'ride-streams: 2 differences in operations-test-trip-state-changelog, analytics.hourly_revenue\n',
  ])
  expect(JSON.parse(found.stdout)).toMatchObject({
    rows: [
      { topic: `${APPLICATION_ID}-trip-state-changelog`, key: 't-1', kind: 'missing', found: null },
      { topic: 'analytics.hourly_revenue', kind: 'different', found: JSON.stringify(wrong) },
    ],
    total: 2,
  })
  const table = await cli('verify --limit 5')
  expect(table.code).toBe(1)
  expect(table.stdout).toMatch(/^analytics\.hourly_revenue +2019-03-01T10:00:00Z +different +\{.*12\.25.* +\{.*12\.26/m)
})
