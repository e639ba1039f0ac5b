import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { CompressionTypes } from 'kafkajs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type VerifyReport, verify } from '../../../app/verify/verify.ts'
import type { KafkaCluster } from '../../../infra/kafka/kafka.ts'
import type { KafkaAdmin } from '../../../infra/kafka/kafka-admin.ts'
import { verifyLocalStores } from '../../../infra/streams/local-state/index.ts'
import { ALL_PROCESSORS } from '../../../processors/processor-names.ts'
import { buildRideTopology } from '../../../processors/ride-topology.ts'
import type { LogReader, LogRecord } from '../../../runtime/ports/log.ts'
import { partitionForKey } from '../../../runtime/task/partitioner.ts'
import { levelBackends } from '../../../state/backends/level.ts'
import { NO_HEADERS } from '../../../state/ports/headers.ts'
import { StateDirectory } from '../../../state/state-directory.ts'
import { AppProcess } from '../../support/app-process.ts'
import { damageFile } from '../../support/damage-file.ts'
import { readTopic } from '../../support/kafka-log.ts'
import { kafkajsProducer } from '../../support/kafkajs.ts'
import { Random } from '../../support/random.ts'
import { completed, driverAt } from '../../support/ride-events.ts'
import { RideFeeder } from '../../support/ride-feeder.ts'
import { rideInput } from '../../support/ride-input.ts'
import { borrowRideKafka, type RideKafka } from '../../support/ride-kafka.ts'
import { ALL_REPARTITIONS, untilDrained } from '../../support/until-drained.ts'

/*
 * One application's life on a real broker: killed, busy, drained, stopped; then its input loses records and its stores and
 * outputs get wrong ones. Each test brings the application to where it needs it, so each can run alone.
 */

const APPLICATION_ID = 'verify-test'
const EVENTS = 3500
const TRIP_LOG = `${APPLICATION_ID}-trip-state-changelog`
const DRIVER_LOG = `${APPLICATION_ID}-driver-cells-changelog`
const HOUR_LOG = `${APPLICATION_ID}-hourly-revenue-changelog`
const DLQ = `${APPLICATION_ID}.dlq`
const log = (store: string): string => `${APPLICATION_ID}-${store}-changelog`
const FURTHER_TOPICS = [
  ...['trip-history', 'open-offer-batches', 'cell-demand', 'trip-funnel', 'driver-earnings'].map(log),
  ...['trip.offers', 'analytics.cell_demand', 'analytics.trip_funnel', 'driver.earnings'],
]
const TOPICS = [
  ...[TRIP_LOG, 'trip.state', HOUR_LOG, 'analytics.hourly_revenue', DRIVER_LOG, 'driver.cell.changed', DLQ],
  ...FURTHER_TOPICS,
]
/** Nothing may be in them: no request is on its way, no window may be closed yet. */
const OFTEN_EMPTY = [log('open-offer-batches'), 'analytics.cell_demand']

let rides: RideKafka
let kafka: KafkaCluster
let admin: KafkaAdmin
let feeder: RideFeeder
let stateDir: string
let app: AppProcess | undefined

beforeAll(async () => {
  rides = await borrowRideKafka(APPLICATION_ID)
  ;({ cluster: kafka, directory: stateDir } = rides)
  admin = kafka.admin()
  feeder = new RideFeeder(rideInput({ seed: 11, count: EVENTS }), rides.kafka)
})

afterAll(async () => {
  await app?.end('SIGKILL')
  await feeder?.close()
  await rides?.close()
})

const startApp = (): Promise<AppProcess> =>
  AppProcess.start({
    KAFKA_BROKERS: rides.bootstrap,
    APPLICATION_ID,
    STATE_DIR: stateDir,
    NUM_STREAM_THREADS: '1',
    // The rides are of 2019: brokers would delete their histories at once.
    TRIP_HISTORY_RETENTION_MS: '-1',
  })

async function runningApp(): Promise<AppProcess> {
  if (app === undefined || !app.isRunning) app = await startApp()
  await app.ready()
  return app
}

/** It has processed all rides and is stopped. */
async function finishedApp(): Promise<void> {
  if (feeder.left > 0 || app?.isRunning === true) {
    const running = await runningApp()
    await feeder.feed(feeder.left)
    await untilDrained(rides.bootstrap, APPLICATION_ID, 60_000)
    expect(await running.end('SIGTERM')).toBe(0)
  }
}

const run = (attempts = 3, reader: () => LogReader = () => kafka.reader()): Promise<VerifyReport> =>
  verify({
    admin,
    reader,
    applicationId: APPLICATION_ID,
    h3Resolution: 9,
    processors: ALL_PROCESSORS,
    tripHistoryRetentionMs: -1,
    limit: 0,
    attempts,
  })

const kindsOf = ({ differences }: VerifyReport): string[] =>
  differences.map(({ topic, key, kind }) => `${topic} ${key} ${kind}`).sort()

it('verify finds no difference after kill -9', async () => {
  app = await runningApp()
  // Every topic has something that is committed.
  await feeder.feed(500)
  await untilDrained(rides.bootstrap, APPLICATION_ID, 60_000, ALL_REPARTITIONS)
  const feeding = feeder.feed(1500)
  await feeder.sent(700)
  await app.end('SIGKILL')
  await feeding
  await abortTransaction()
  const report = await run()
  expect(kindsOf(report)).toEqual([])
  expect(report.topics.map(({ topic }) => topic).sort()).toEqual([...TOPICS].sort())
})

it('verify refuses to judge while the application is processing, and says why', async () => {
  await runningApp()
  // A cut without any records would not be read.
  await feeder.feed(500)
  await untilDrained(rides.bootstrap, APPLICATION_ID, 60_000)
  const busy = (): LogReader => {
    const reader = kafka.reader()
    const poll = reader.poll.bind(reader)
    reader.poll = async (maxWaitMs) => {
      await feeder.feed(20)
      await untilDrained(rides.bootstrap, APPLICATION_ID, 60_000)
      reader.poll = poll
      return poll(maxWaitMs)
    }
    return reader
  }
  await expect(run(1, busy)).rejects.toMatchObject({ code: 'OFFSETS_MOVED' })
})

it('verify judges a running application once its input stands still', async () => {
  const running = await runningApp()
  await feeder.feed(feeder.left)
  // Events carry their own time: a record without one is processed all the same, and an invalid one is a dead letter.
  for (const { topic, key, value } of [
    driverAt('timeless', 1_551_434_400_000, { lat: 40.7, lng: -74 }),
    completed('timeless', 1_551_434_400_000),
  ]) {
    for (const one of [value, Buffer.from('no event')])
      await plantAt(topic, 0, { key, value: one, headers: NO_HEADERS }, -1)
  }
  // 80 kB of gzip that are 80 MB: one dead letter, and its neighbours in the batch are processed.
  const [before, after] = [1, 2].map((minute) =>
    driverAt('beside-huge', 1_551_434_400_000 + minute, { lat: 40 + minute, lng: -74 }),
  )
  const producer = await kafkajsProducer(rides.kafka)
  const messages = [before?.value ?? null, Buffer.alloc(80_000_000), after?.value ?? null].map((value) => ({
    key: 'beside-huge',
    value,
  }))
  await producer.send({ topic: 'driver.location.updated', compression: CompressionTypes.GZIP, messages })
  await producer.disconnect()
  await untilDrained(rides.bootstrap, APPLICATION_ID, 60_000)
  const report = await run()
  expect(kindsOf(report)).toEqual([])
  expect(report).toMatchObject({ total: 0, gone: [], notCompared: [] })
  const cells = (await recordsOf('driver.cell.changed')).filter(({ key }) => String(key) === 'beside-huge')
  expect(cells.map(({ value }) => (JSON.parse(String(value)) as { lat: number }).lat)).toEqual([41, 42])
  const unreadable = (await recordsOf(DLQ)).flatMap(({ headers }) => {
    const texts = Object.fromEntries([...headers].map(({ key, value }) => [key.split('.').at(-1), String(value)]))
    return texts.reason === 'unreadable' ? [[texts.topic, texts.message, texts.bytes]] : []
  })
  expect(unreadable).toEqual([
    [
      'driver.location.updated',
      expect.stringMatching(/^a compressed record of 800000\d\d bytes: at most 67108864 /),
      'unknown',
    ],
  ])
  const timeless = (await recordsOf('driver.cell.changed')).filter(({ key }) => String(key) === 'timeless')
  expect(timeless.map(({ timestamp }) => timestamp)).toEqual([1_551_434_400_000])
  for (const { topic, checked, unjudged } of report.topics) {
    const mayLack = topic.includes('cell') && topic.includes('demand')
    expect([topic, OFTEN_EMPTY.includes(topic) || checked > 3, mayLack || unjudged === 0]).toEqual([topic, true, true])
  }
  expect(await running.end('SIGTERM')).toBe(0)
})

it('verify --local names rows that differ from their changelogs, and damaged files', async () => {
  await finishedApp()
  const options = {
    plan: buildRideTopology({ h3Resolution: 9, processors: ALL_PROCESSORS, tripHistoryRetentionMs: -1 }).build({
      applicationId: APPLICATION_ID,
    }),
    stateDir,
    admin,
    reader: () => kafka.reader(),
    limit: 0,
  }
  const before = await verifyLocalStores(options)
  expect(before.differences).toEqual([])
  const rowsOf = (store: string): number =>
    before.stores.filter((one) => one.store === store).reduce((sum, { rows }) => sum + rows, 0)
  expect([rowsOf('trip-state') > 100, rowsOf('driver-cells') > 3, rowsOf('trip-history') > 100]).toEqual([
    true,
    true,
    true,
  ])

  const path = join(stateDir, APPLICATION_ID)
  const trips = await levelBackends(path).open('0_0', 'trip-state', { keyIndex: false })
  const rows: (readonly [string, Buffer])[] = []
  for await (const row of trips.scan({ limit: 2 })) rows.push(row)
  const [first, second] = rows
  if (first === undefined || second === undefined) throw new Error('too few trips')
  const writes = [
    { key: first[0], row: second[1] },
    { key: second[0], row: null },
    { key: '~nobody', row: first[1] },
  ]
  await trips.write(writes, trips.position() ?? 0)
  await trips.close()
  const files = join(path, '0_1', 'trip-state')
  const table = readdirSync(files).find((name) => /\.(ldb|log)$/.test(name) && statSync(join(files, name)).size > 5000)
  if (table === undefined) throw new Error('no file with rows')
  await damageFile(join(files, table), 'page', new Random(1))

  const after = await verifyLocalStores(options)
  expect(after.differences.map(({ taskId, store, key, kind }) => [taskId, store, key, kind])).toEqual([
    ['0_0', 'trip-state', keyText(first[0]), 'different'],
    ['0_0', 'trip-state', keyText(second[0]), 'missing'],
    ['0_0', 'trip-state', '~nobody', 'unexpected'],
    ['0_1', 'trip-state', null, 'damaged'],
  ])
  expect([after.total, after.differences.at(-1)?.found?.includes(table)]).toEqual([4, true])
})

it('verify trusts a store that knows more than retention has left, and counts such rows', async () => {
  await finishedApp()
  const partitions = [0, 1, 2].map((partition) => ({ topic: 'trip.accepted', partition }))
  const ends = await admin.highWatermarks(partitions)
  const cuts = partitions.map((at, i) => ({ ...at, offset: Math.floor((ends[i] ?? 0) / 2) }))
  await admin.deleteRecords(cuts)
  const report = await run()
  expect(kindsOf(report)).toEqual([])
  expect(report.gone).toEqual(cuts)
  const unjudged = new Map(report.topics.map((topic) => [topic.topic, topic.unjudged]))
  expect(unjudged.get(TRIP_LOG)).toBeGreaterThan(50)
  expect(unjudged.get(DLQ)).toBeGreaterThan(0)
  expect([unjudged.get(HOUR_LOG), unjudged.get(DRIVER_LOG), unjudged.get('driver.cell.changed')]).toEqual([0, 0, 0])
})

it('verify finds the faults planted in every store and every output topic', async () => {
  await finishedApp()
  const logs = new Map(await Promise.all(TOPICS.map(async (topic) => [topic, await recordsOf(topic)] as const)))
  const latest = (topic: string): Map<string, string> =>
    new Map((logs.get(topic) ?? []).map(({ key, value }) => [String(key), String(value)]))
  type Row = (number | string | null)[]
  const trips = [...latest(TRIP_LOG)].map(([key, text]) => [key, JSON.parse(text) as (Row | null)[]] as const)
  const completed = trips.filter(([, row]) => row[4] !== null && row[0] !== null)
  const [wrong = '', unseen = ''] = completed.map(([key]) => key)
  // Choose a trip that has all its events: with some gone, the rest would differ from trip.state too.
  const deleted = completed.find(([key, row]) => row[1] === null && key !== wrong && key !== unseen)?.[0] ?? ''
  const row = structuredClone(new Map(trips).get(wrong)) as Row[]
  ;(row[4] as Row)[4] = Number((row[4] as Row)[4]) + 1
  const drivers = latest(DRIVER_LOG)
  const [mover = ''] = drivers.keys()
  const cell = JSON.parse(drivers.get(mover) ?? '') as Row
  const hours = latest(HOUR_LOG)
  const [hour = '', otherHour = ''] = hours.keys()
  const [cents = 0, count = 0] = JSON.parse(hours.get(hour) ?? '') as number[]
  const other = JSON.parse(latest('analytics.hourly_revenue').get(otherHour) ?? '') as { trips: number }
  const changes = latest('driver.cell.changed')
  const change = (driverId: string) => JSON.parse(changes.get(driverId) ?? '') as Record<string, unknown>
  const jumpers = [...changes.keys()].filter((id) => change(id).previousCell !== null)
  const [repeater = '', returner = '', liar = ''] = jumpers
  const back = { ...change(returner), cell: change(returner).previousCell, previousCell: change(returner).cell }
  const lie = { ...change(liar), previousCell: change(liar).cell, cell: '8928308280fffff' }
  const letter = (logs.get(DLQ) ?? []).find(({ headers }) => !sourceOf(headers).startsWith('trip.accepted'))
  if (letter === undefined) throw new Error('no dead letter')

  const json = (value: unknown): string => JSON.stringify(value)
  await plant([
    [TRIP_LOG, wrong, json(row)],
    [TRIP_LOG, deleted, null],
    [TRIP_LOG, 'nobody', 'not a trip'],
    ['trip.state', unseen, null],
    [
      'trip.state',
      wrong,
      (latest('trip.state').get(wrong) ?? '').replace('"status":"completed"', '"status":"started"'),
    ],
    [DRIVER_LOG, mover, json(cell.with(4, Number(cell[4]) + 0.5))],
    ['driver.cell.changed', repeater, json(change(repeater))],
    ['driver.cell.changed', returner, json(back)],
    ['driver.cell.changed', returner, json(change(returner))],
    ['driver.cell.changed', liar, json(lie)],
    [HOUR_LOG, hour, json([cents + 1, count])],
    ['analytics.hourly_revenue', otherHour, json({ ...other, trips: other.trips + 1 })],
    ['analytics.hourly_revenue', '1999-01-01T00:00:00Z', json({ hour: '1999-01-01T00:00:00Z', revenue: 1, trips: 1 })],
    [DLQ, 'stray', 'no headers'],
  ])
  await plantAt(DLQ, 0, letter)
  const { key, value } = letter
  await plantAt(DLQ, 0, { key, value, headers: [...letter.headers].map(asOffset('999999')) })

  const report = await run()
  const source = sourceOf(letter.headers)
  expect(kindsOf(report).map((text) => text.replace(/ \d+:\d+ /, ' a stray '))).toEqual(
    [
      `${TRIP_LOG} ${wrong} different`,
      `${TRIP_LOG} ${deleted} missing`,
      `${TRIP_LOG} nobody unexpected`,
      `trip.state ${unseen} missing`,
      `trip.state ${wrong} different`,
      `${DRIVER_LOG} ${mover} different`,
      `driver.cell.changed ${repeater} broken-chain`,
      `driver.cell.changed ${returner} different`,
      `driver.cell.changed ${liar} different`,
      `${HOUR_LOG} ${hour} different`,
      `analytics.hourly_revenue ${otherHour} different`,
      'analytics.hourly_revenue 1999-01-01T00:00:00Z unexpected',
      `${DLQ} a stray unexpected`,
      `${DLQ} ${source} repeated`,
      `${DLQ} ${source.replace(/@.*/, '@999999')} unexpected`,
    ].sort(),
  )
  expect(report.total).toBe(15)
})

it('verify finds the faults planted in the stores and outputs of the further processors', async () => {
  await finishedApp()
  const before = (await run()).total
  const logs = new Map(await Promise.all(FURTHER_TOPICS.map(async (topic) => [topic, await recordsOf(topic)] as const)))
  const latest = (topic: string): [string, string][] => [
    ...new Map((logs.get(topic) ?? []).map(({ key, value }) => [String(key), String(value)])),
  ]
  const json = (value: unknown): string => JSON.stringify(value)
  const parsed = <T>(row: readonly [string, string] | undefined): T => JSON.parse(row?.[1] ?? 'null') as T
  type Offer = { driverId: string; distanceMeters: number }
  const rich = latest('trip.offers').filter(([, text]) => (JSON.parse(text) as { offers: Offer[] }).offers.length > 1)
  const [far, twice, other] = rich
  if (far === undefined || twice === undefined || other === undefined) throw new Error('too few offers')
  const offer = parsed<{ requestedAt: string; offers: Offer[] }>(far)
  const elsewhere = { ...parsed<object>(other), requestedAt: '2001-01-01T00:00:00.000Z' }
  const [window] = latest(log('cell-demand')).filter(([, text]) => /"requests":[1-9]/.test(text))
  const open = parsed<{ requests: number }>(window)
  const [funnel, hour] = latest(log('trip-funnel'))
  const [history, lost] = historyParts(logs.get(log('trip-history')) ?? [])
  const [day, otherDay] = latest(log('driver-earnings'))
  const cell = window?.[0].split('@').at(-1) ?? ''
  const closed = {
    cell,
    windowStart: '1999-01-01T00:00:00Z',
    windowEnd: '1999-01-01T00:05:00Z',
    requests: 5000,
    completions: 1,
  }
  const funnelOutput = latest('analytics.trip_funnel').find(([key]) => key === hour?.[0])
  const dayOutput = latest('driver.earnings').find(([key]) => key === otherDay?.[0])
  await plant([
    [
      'trip.offers',
      far[0],
      json({ ...offer, offers: offer.offers.map((one) => ({ ...one, distanceMeters: one.distanceMeters + 1 })) }),
    ],
    ['trip.offers', twice[0], twice[1]],
    ['trip.offers', other[0], json(elsewhere)],
    ['trip.offers', 'nobody', other[1]],
    [log('open-offer-batches'), '0@1+1', '{}'],
    [log('cell-demand'), window?.[0] ?? '', json({ ...open, requests: open.requests + 5000 })],
    ['analytics.cell_demand', `${cell}@1999-01-01T00:00:00Z`, json(closed)],
    [log('trip-funnel'), funnel?.[0] ?? '', json(parsed<number[]>(funnel).with(0, 4711))],
    ['analytics.trip_funnel', hour?.[0] ?? '', json({ ...parsed<object>(funnelOutput), started: 4711 })],
    [log('trip-history'), history?.parts[0] ?? '', json(['another correlationId'])],
    ...(lost?.parts ?? []).map((key) => [log('trip-history'), key, null] as const),
    [log('driver-earnings'), day?.[0] ?? '', json([1, 4711])],
    ['driver.earnings', otherDay?.[0] ?? '', json({ ...parsed<object>(dayOutput), trips: 4711 })],
  ])
  const report = await run()
  expect(kindsOf(report).filter((text) => FURTHER_TOPICS.some((topic) => text.startsWith(`${topic} `)))).toEqual(
    [
      `trip.offers ${far[0]} different`,
      `trip.offers ${twice[0]} repeated`,
      `trip.offers ${other[0]} different`,
      'trip.offers nobody unexpected',
      `${log('open-offer-batches')} 0@1+1 unexpected`,
      `${log('cell-demand')} ${window?.[0]} different`,
      `analytics.cell_demand ${cell}@1999-01-01T00:00:00Z unexpected`,
      `${log('trip-funnel')} ${funnel?.[0]} different`,
      `analytics.trip_funnel ${hour?.[0]} different`,
      `${log('trip-history')} ${history?.tripId} different`,
      `${log('trip-history')} ${lost?.tripId} missing`,
      `${log('driver-earnings')} ${day?.[0]} different`,
      `driver.earnings ${otherDay?.[0]} different`,
    ].sort(),
  )
  expect(report.total).toBe(before + 13)
})

/** Trips with the keys of their parts, by the records of the changelog. */
function historyParts(records: readonly LogRecord[]): readonly { readonly tripId: string; readonly parts: Buffer[] }[] {
  const trips = new Map<string, Map<string, Buffer>>()
  for (const { key } of records) {
    const binary = key?.toString('latin1') ?? ''
    const tripId = keyText(binary.split('\xff')[0] ?? '')
    trips.set(tripId, (trips.get(tripId) ?? new Map()).set(binary, Buffer.from(binary, 'latin1')))
  }
  return [...trips].map(([tripId, parts]) => ({ tripId, parts: [...parts.values()] }))
}

const keyText = (key: string): string => Buffer.from(key, 'latin1').toString('utf8')

/** Aborts the killed instance's transaction at once; verify would wait for its timeout. */
async function abortTransaction(): Promise<void> {
  const directory = await StateDirectory.open({ stateDir, applicationId: APPLICATION_ID })
  await directory.close()
  await kafka.fence([`${APPLICATION_ID}-${directory.processId}-0`])
}

async function recordsOf(topic: string): Promise<LogRecord[]> {
  return (await readTopic(kafka, topic)).flat()
}

async function plant(records: ReadonlyArray<readonly [topic: string, key: string | Buffer, value: string | null]>) {
  const topics = await admin.describeTopics(TOPICS)
  for (const [topic, key, text] of records) {
    const value = text === null ? null : Buffer.from(text)
    // A part of a row is where the row is.
    const row = typeof key === 'string' ? key : Buffer.from(key.toString('latin1').split('\xff')[0] ?? '', 'latin1')
    const partition = partitionForKey(row, topics.get(topic)?.partitions ?? 1)
    await plantAt(topic, partition, { key: Buffer.from(key), value, headers: NO_HEADERS })
  }
}

async function plantAt(
  topic: string,
  partition: number,
  record: Pick<LogRecord, 'key' | 'value' | 'headers'>,
  timestamp = Date.now(),
) {
  const writer = kafka.writer({ transactionalId: null })
  await writer.init()
  const batch = writer.newBatch()
  batch.append(topic, partition, record.key, record.value, timestamp, record.headers)
  await writer.commit({ batch, offsets: [], group: () => null })
  await writer.close()
}

function sourceOf(headers: LogRecord['headers']): string {
  const error = (name: string) => [...headers].find(({ key }) => key === `__streams.errors.${name}`)?.value?.toString()
  return `${error('topic')}-${error('partition')}@${error('offset')}`
}

const asOffset = (offset: string) => (header: { key: string; value: Buffer | null }) =>
  header.key === '__streams.errors.offset' ? { ...header, value: Buffer.from(offset) } : header
