import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createRideTopics } from '../../../../app/topics/create-topics.ts'
import { verify } from '../../../../app/verify/verify.ts'
import { loadConfig } from '../../../../infra/config/config.ts'
import { connectKafka, type KafkaCluster } from '../../../../infra/kafka/kafka.ts'
import type { KafkaAdmin } from '../../../../infra/kafka/kafka-admin.ts'
import { Replay, type ReplayOptions } from '../../../../infra/streams/replay/replay.ts'
import { rebuiltTopics, type TopicOutcome } from '../../../../infra/streams/replay/replay-run.ts'
import { streamsConfig } from '../../../../infra/streams/streams-config.ts'
import { ALL_PROCESSORS, CORE_PROCESSORS } from '../../../../processors/processor-names.ts'
import { rideReplayRules } from '../../../../processors/replay-rules.ts'
import { buildRideTopology } from '../../../../processors/ride-topology.ts'
import type { CommittedOffset, LogWriter } from '../../../../runtime/ports/log.ts'
import { partitionForKey } from '../../../../runtime/task/partitioner.ts'
import { AppProcess } from '../../../support/app-process.ts'
import { type BorrowedKafka, borrowKafka } from '../../../support/kafka.ts'
import { readAll, type TestRecord, write } from '../../../support/kafka-log.ts'
import { kafkajs } from '../../../support/kafkajs.ts'
import { RideFeeder } from '../../../support/ride-feeder.ts'
import { rideInput } from '../../../support/ride-input.ts'
import { resultOf, runCli, spawnCli } from '../../../support/run-cli.ts'
import { untilDrained } from '../../../support/until-drained.ts'

/*
 * One application's life on a real broker. It begins with the core processors; a replay brings the others. Then
 * stores and outputs get wrong rows, replays die half way, time is turned back, input is lost. verify, which shares nothing
 * with replay, judges. Each test brings the application to where it needs it, so each can run alone.
 */

const APPLICATION_ID = 'replay-test'
const EVENTS = 4000
const DLQ = `${APPLICATION_ID}.dlq`
const log = (store: string): string => `${APPLICATION_ID}-${store}-changelog`
const plan = buildRideTopology({ h3Resolution: 9, processors: ALL_PROCESSORS, tripHistoryRetentionMs: -1 }).build({
  applicationId: APPLICATION_ID,
})
const TOPICS = rebuiltTopics(plan).map(({ topic }) => topic)
const OUTPUTS = rebuiltTopics(plan).flatMap(({ topic, kind }) => (kind === 'output' ? [topic] : []))

let broker: BorrowedKafka
let kafka: KafkaCluster
let admin: KafkaAdmin
let feeder: RideFeeder
let stateDir: string
let app: AppProcess | undefined
let env: Record<string, string>

beforeAll(async () => {
  broker = await borrowKafka()
  stateDir = await mkdtemp(join(tmpdir(), 'ride-replay-'))
  kafka = connectKafka({ brokers: [broker.bootstrap], clientId: 'test' })
  admin = kafka.admin()
  await createRideTopics(admin, { applicationId: APPLICATION_ID, outputRetentionMs: -1, keepForever: true })
  feeder = new RideFeeder(rideInput({ seed: 5, count: EVENTS }), kafkajs(broker.bootstrap))
  env = { KAFKA_BROKERS: broker.bootstrap, APPLICATION_ID, STATE_DIR: stateDir, COMMIT_INTERVAL_MS: '20' }
  // The rides are of 2019: brokers would delete their histories at once.
  env.TRIP_HISTORY_RETENTION_MS = '-1'
})

afterAll(async () => {
  await app?.end('SIGKILL')
  await feeder?.close()
  await kafka?.close()
  await broker?.stop()
  await rm(stateDir, { recursive: true, force: true })
})

/** Starts, feeds so many records, and waits until they are done. */
async function runApp(records: number, more: Record<string, string> = {}): Promise<AppProcess> {
  app = await AppProcess.start({ ...env, ...more })
  await app.ready()
  await feeder.feed(records)
  const repartition = ['hourly-revenue', 'trip-funnel', 'driver-earnings', 'cell-demand']
  const offers = ['questions', 'positions', 'answers'].map((name) => `trip-offers-${name}`)
  await untilDrained(broker.bootstrap, APPLICATION_ID, 60_000, [...repartition, ...offers])
  return app
}

/** It has processed rides with all its processors, and runs. */
async function runningApp(): Promise<void> {
  if (app === undefined || !app.isRunning) await runApp(feeder.left === EVENTS ? 2000 : 0)
}

async function stoppedApp(): Promise<void> {
  if (app === undefined) await runApp(2000)
  if (app?.isRunning) await stopApp()
}

async function stopApp(): Promise<void> {
  expect(await app?.end('SIGTERM')).toBe(0)
}

const OPTIONS: Pick<ReplayOptions, 'toTime' | 'emit' | 'acceptLoss' | 'rate'> = {
  toTime: null,
  emit: 'changed',
  acceptLoss: false,
  rate: null,
}

async function replay(options: Partial<ReplayOptions> = {}): Promise<readonly TopicOutcome[]> {
  const replaying = new Replay({
    plan,
    rules: rideReplayRules,
    config: streamsConfig(loadConfig(env), DLQ),
    deadLetterTopic: DLQ,
    admin,
    reader: () => kafka.reader(),
    writer: (transactionalId) => kafka.writer({ transactionalId }),
    stateDir,
    stateBackend: 'memory',
    signal: new AbortController().signal,
    now: Date.now,
    onProgress: () => undefined,
    ...OPTIONS,
    ...options,
  })
  try {
    return await replaying.finish(await replaying.prepare({ mayRun: false }))
  } finally {
    await replaying.close()
  }
}

const touched = (outcomes: readonly TopicOutcome[]): string[] =>
  outcomes.flatMap(({ topic, differing, written }) => (differing + written > 0 ? [topic] : [])).sort()

async function judged(): Promise<{ differences: string[]; unjudged: number }> {
  const options = { admin, reader: () => kafka.reader(), applicationId: APPLICATION_ID, h3Resolution: 9, limit: 0 }
  const { differences, topics } = await verify({
    ...options,
    processors: ALL_PROCESSORS,
    tripHistoryRetentionMs: -1,
    attempts: 3,
  })
  return {
    differences: differences.map(({ topic, key, kind }) => `${topic} ${key} ${kind}`),
    unjudged: topics.reduce((sum, { unjudged }) => sum + unjudged, 0),
  }
}

const RIGHT = { differences: [], unjudged: 0 }

const ends = async (topics: readonly string[]): Promise<readonly number[]> => {
  const found = await admin.describeTopics(topics)
  return admin.highWatermarks(
    topics.flatMap((topic) =>
      Array.from({ length: found.get(topic)?.partitions ?? 0 }, (_, partition) => ({ topic, partition })),
    ),
  )
}

interface Latest {
  readonly key: string
  readonly value: string
  readonly partition: number
}

/** The last values of a topic, by key. */
async function latest(topic: string): Promise<Map<string, Latest>> {
  const rows = new Map<string, Latest>()
  for (const [partition, records] of (await readAll(kafka, topic, await ends([topic]))).entries()) {
    for (const { key, value } of records) {
      if (value === null) rows.delete(String(key))
      else rows.set(String(key), { key: String(key), value: String(value), partition })
    }
  }
  return rows
}

async function plant(rows: readonly TestRecord[]): Promise<void> {
  const writer = kafka.writer({ transactionalId: null })
  await writer.init()
  await write(writer, rows)
  await writer.close()
}

const wrong = (text: string): string => text.replace(/\d(?=\D*$)/, (digit) => String((Number(digit) + 1) % 10))

/** A wrong value, a stray row and a deletion in every table, a wrong end and a missing record in streams of events. */
async function plantEverywhere(): Promise<void> {
  const rows: TestRecord[] = []
  for (const topic of TOPICS) {
    const [first, second] = [...(await latest(topic)).values()]
    if (first === undefined) continue
    const { key, value, partition } = first
    if (topic === 'driver.cell.changed') {
      const { cell } = JSON.parse(value) as { cell: string }
      const change = { ...JSON.parse(value), previousCell: cell, cell: '8928308280fffff' }
      rows.push({ topic, partition, key, value: JSON.stringify(change) })
    } else if (topic !== 'trip.offers') {
      rows.push({ topic, partition, key, value: wrong(value) })
      if (second !== undefined) rows.push({ topic, partition: second.partition, key: second.key, value: null })
      if (topic !== 'analytics.cell_demand') rows.push({ topic, partition: 0, key: 'stray', value: '{}' })
    }
  }
  await plant(rows)
}

async function atTrip(tripId: string): Promise<unknown> {
  return (await fetch(`${app?.url}/trips/${encodeURIComponent(tripId)}`)).json()
}

it('a replay fills the stores and outputs of new processors, and then finds no difference', async () => {
  await runApp(1500, { PROCESSORS: CORE_PROCESSORS.join(',') })
  const refused = await runCli(['replay'], env)
  expect([refused.code, refused.stdout]).toEqual([1, ''])
  expect(refused.stderr).toMatch(
    /^ride-streams: replay-test is running \(1 in the group, on [\d.]+\): stop all [^\n]+\n$/,
  )
  await stopApp()
  const before = await ends(OUTPUTS)
  const dry = JSON.parse((await runCli(['replay', '--dry-run', '--json'], env)).stdout) as { records: number; gone: [] }
  expect(dry).toMatchObject({
    records: 1500,
    gone: [],
    rows: expect.arrayContaining([{ topic: 'trip.started', partitions: 3, records: expect.any(Number) }]),
  })
  expect((await admin.describeTopics([log('trip-funnel')])).size).toBe(0)
  const outcomes = await replay()
  expect(touched(outcomes)).toEqual(
    [
      ...['trip-history', 'available-drivers', 'repeated-offers', 'cell-demand', 'trip-funnel', 'driver-earnings'].map(
        log,
      ),
      ...['trip.offers', 'analytics.trip_funnel', 'driver.earnings'],
    ].sort(),
  )
  expect(await judged()).toEqual(RIGHT)
  const after = await ends(OUTPUTS)
  expect(touched(await replay())).toEqual([])
  expect([before.length, await ends(OUTPUTS)]).toEqual([after.length, after])
})

it('a replay corrects every store and output, also after it died half way; until it has finished the application does not start', async () => {
  await stoppedApp()
  await runApp(500)
  await stopApp()
  expect(touched(await replay())).toEqual([])
  const [tripId, row] = [...(await latest(log('trip-state')))][5] ?? ['', null]
  await corruptLocalStore(tripId)
  await closeWindows()
  await replay()
  expect((await latest('analytics.cell_demand')).size).toBeGreaterThan(20)
  await plantEverywhere()
  const planted = (await judged()).differences
  expect(new Set(planted.map((text) => text.split(' ')[0])).size).toBeGreaterThan(13)

  await expect(replay({ batchBytes: 500, writer: dyingWriter(3) })).rejects.toThrow('died')
  await expect(AppProcess.start(env)).rejects.toThrow(
    /the replay of replay-test begun at [^ ]+Z is not finished: run ride-streams replay again/,
  )
  expect((await judged()).differences.length).toBeLessThan(planted.length)
  const { code, stdout, stderr } = await runCli(['replay'], env)
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/^trip\.state +output +\d+ +\d+ +\d+$/m)
  expect(await judged()).toEqual(RIGHT)
  expect(touched(await replay())).toEqual([])

  await runApp(500)
  expect(await atTrip(tripId)).toMatchObject({ tripId })
  expect((await latest(log('trip-state'))).get(tripId)).toEqual(row)
  expect(await judged()).toMatchObject({ differences: [] })
  await stopApp()
})

it('a replay stopped before it writes, by Ctrl-C or kill -9, has changed nothing', async () => {
  await stoppedApp()
  const before = await offsets()
  const slow = spawnCli(['replay', '--rate', '200'], env)
  await untilScratch()
  slow.kill('SIGKILL')
  await once(slow, 'exit')
  await rm(scratch(), { recursive: true })
  const interrupted = spawnCli(['replay', '--rate', '200'], env)
  const ended = resultOf(interrupted)
  await untilScratch()
  interrupted.kill('SIGINT')
  expect(await ended).toMatchObject({ code: 1, stderr: 'ride-streams: interrupted: nothing was changed\n' })
  expect(await offsets()).toEqual(before)
  const abort = new AbortController()
  const comparing = replay({ signal: abort.signal, onProgress: (phase) => phase === 'comparing' && abort.abort() })
  await expect(comparing).rejects.toThrow('interrupted: nothing was changed')
  expect(await offsets()).toEqual(before)
})

it('a replay to a past time rebuilds that state; the next start continues from there', async () => {
  await stoppedApp()
  const inputs = (await offsets()).filter(({ topic }) => !topic.startsWith(APPLICATION_ID))
  const toTime = Date.UTC(2019, 2, 1, 12)
  await replay({ toTime })
  const back = (await offsets()).filter(({ topic }) => !topic.startsWith(APPLICATION_ID))
  const sum = (all: readonly CommittedOffset[]) => all.reduce((total, { offset }) => total + offset, 0)
  expect(sum(back)).toBeLessThan(sum(inputs))
  expect(await judged()).toMatchObject({ differences: [] })
  await runApp(500)
  expect(await judged()).toMatchObject({ differences: [] })
})

it('a shadow replay finds differences beside the running application, and cuts over when the last instance has stopped', async () => {
  await runningApp()
  const [first] = (await latest(log('driver-earnings'))).values()
  const { key = '', partition = 0 } = first ?? {}
  const compared = JSON.parse((await runCli(['replay', '--shadow', '--json'], env)).stdout) as {
    rows: unknown[]
    total: number
  }
  expect(compared).toMatchObject({ rows: [], total: 0 })
  await plant([{ topic: log('driver-earnings'), partition, key, value: '[1,1]' }])
  const child = spawnCli(['replay', '--shadow', '--cut-over', '--rate', '100000'], env)
  const ended = resultOf(child)
  await new Promise<void>((resolve) => {
    let told = ''
    child.stderr?.on('data', (text) => {
      told += text
      if (told.includes('stop all instances now')) resolve()
    })
  })
  expect(app?.isRunning).toBe(true)
  await stopApp()
  const { code, stdout } = await ended
  expect(code).toBe(0)
  expect(stdout).toMatch(new RegExp(`^${log('driver-earnings')} +${key.replace('|', '\\|')} .*\\[1,1\\]$`, 'm'))
  expect(stdout).toMatch(/^1 rows of the live stores differ from the shadow$/m)
  expect(await judged()).toMatchObject({ differences: [] })
  expect(touched(await replay())).toEqual([])
})

it('a replay refuses to run when retention has removed input, and says what would be missing; --accept-loss replays the rest', async () => {
  await stoppedApp()
  const at = { topic: 'trip.accepted', partition: 1 }
  const [end = 0] = await admin.highWatermarks([at])
  await admin.deleteRecords([{ ...at, offset: end - 5 }])
  const { code, stdout, stderr } = await runCli(['replay'], env)
  expect([code, stdout]).toEqual([1, ''])
  expect(stderr).toContain(`ride-streams: retention has removed input (trip.accepted-1 below ${end - 5}): `)
  expect(stderr).toMatch(
    /would be missing from trip-state, trip-history, hourly-revenue, .*driver-earnings and what follows from them/,
  )
  const outcomes = await replay({ acceptLoss: true, emit: 'none' })
  expect(outcomes.find(({ topic }) => topic === 'trip.state')).toMatchObject({
    differing: expect.any(Number),
    written: 0,
  })
  await replay({ acceptLoss: true })
  expect(await judged()).toMatchObject({ differences: [] })
})

const offsets = async (): Promise<readonly CommittedOffset[]> =>
  [...(await admin.allCommittedOffsets(APPLICATION_ID))].sort((a, b) =>
    `${a.topic}:${a.partition}` < `${b.topic}:${b.partition}` ? -1 : 1,
  )

/** Simulates a failed machine: the disk differs from the changelog. */
async function corruptLocalStore(tripId: string): Promise<void> {
  const count = (await admin.describeTopics([log('trip-state')])).get(log('trip-state'))?.partitions ?? 0
  const path = join(stateDir, APPLICATION_ID, `0_${partitionForKey(tripId, count)}`, 'trip-state')
  const level = new ClassicLevel<string, Buffer>(path, { valueEncoding: 'buffer' })
  await level.open()
  expect(await level.get(tripId)).toBeDefined()
  await level.del(tripId)
  await level.close()
}

/** Simulates a long quiet time: windows are closed up to noon. */
async function closeWindows(): Promise<void> {
  const topic = `${APPLICATION_ID}-cell-demand-repartition`
  const group = { groupId: APPLICATION_ID, memberId: '', generation: -1, groupInstanceId: null }
  const writer = kafka.writer({ transactionalId: null })
  await writer.init()
  const marked = (await offsets())
    .filter((at) => at.topic === topic)
    .map((at) => {
      const [time, marks = '{}'] = at.metadata.split(' ')
      const closed = { ...JSON.parse(marks), '$windows.closed': Date.UTC(2019, 2, 1, 12) }
      return { ...at, metadata: `${time} ${JSON.stringify(closed)}` }
    })
  await writer.commit({ batch: writer.newBatch(), offsets: marked, group: () => group })
  await writer.close()
}

/** A writer whose process dies before it sends its nth transaction with records. */
function dyingWriter(nth: number): ReplayOptions['writer'] {
  return (transactionalId) => {
    const writer: LogWriter = kafka.writer({ transactionalId })
    if (transactionalId === null) return writer
    let commits = 0
    return {
      init: () => writer.init(),
      newBatch: () => writer.newBatch(),
      close: () => writer.close(),
      commit: (request) => (++commits < nth ? writer.commit(request) : Promise.reject(new Error('died'))),
    }
  }
}

const scratch = (): string => join(stateDir, `${APPLICATION_ID}-replay`, '0_0')

/** A replay has begun to rebuild. */
async function untilScratch(): Promise<void> {
  while (!existsSync(scratch())) await new Promise((resolve) => setTimeout(resolve, 20))
}
