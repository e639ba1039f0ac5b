import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { connectKafka, type KafkaCluster } from '../../infra/kafka/kafka.ts'
import type { KafkaAdmin } from '../../infra/kafka/kafka-admin.ts'
import { realClock } from '../../infra/streams/real-clock.ts'
import { ALL_PROCESSORS } from '../../processors/processor-names.ts'
import type { RunningInstance } from '../../runtime/instance/running-instance.ts'
import type { LogWriter } from '../../runtime/ports/log.ts'
import { partitionForKey } from '../../runtime/task/partitioner.ts'
import type { TimestampedKeyValueStore } from '../../state/ports/stores.ts'
import type { Plan } from '../../topology/plan.ts'
import { record } from '../../topology/record.ts'
import { int32Serde, stringSerde } from '../../topology/serdes.ts'
import { StreamsBuilder } from '../../topology/streams-builder.ts'
import { timeWindows } from '../../topology/windows.ts'
import { AppProcess } from '../support/app-process.ts'
import { countingPlan } from '../support/counting-plan.ts'
import { type BorrowedKafka, borrowKafka } from '../support/kafka.ts'
import { type KafkaAppOptions, startKafkaApp } from '../support/kafka-app.ts'
import { readAll, write } from '../support/kafka-log.ts'
import { keepRideTopics } from '../support/keep-ride-topics.ts'
import { completed, driverAt, requested } from '../support/ride-events.ts'
import type { RideInputRecord } from '../support/ride-input.ts'
import { ALL_REPARTITIONS, untilDrained } from '../support/until-drained.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const MARCH_2019 = Date.UTC(2019, 2, 1, 9, 30)
const TEXT = { keySerde: stringSerde, valueSerde: stringSerde }
/** Settings of changelogs of earlier versions: the broker's clock expires their records. */
const CUT_BY_THE_CLOCK = {
  'cleanup.policy': 'compact,delete',
  'message.timestamp.type': 'CreateTime',
  'retention.ms': String(DAY_MS),
}

let broker: BorrowedKafka
let kafka: KafkaCluster
let admin: KafkaAdmin
let writer: LogWriter

beforeAll(async () => {
  broker = await borrowKafka()
  kafka = connectKafka({ brokers: [broker.bootstrap], clientId: 'odd-times-test' })
  admin = kafka.admin()
  writer = kafka.writer({ transactionalId: null })
  await writer.init()
})

afterAll(async () => {
  await kafka?.close()
  await broker?.stop()
})

/** Resolves when the broker has deleted a record of 2019 where it may. */
async function retentionHasRun(topic: string): Promise<void> {
  await admin.createTopics([{ name: topic, partitions: 1, config: CUT_BY_THE_CLOCK }])
  await write(writer, [{ topic, partition: 0, key: 'a', value: 'x', timestamp: MARCH_2019 }])
  await expect.poll(() => admin.earliestOffsets([{ topic, partition: 0 }]), { timeout: 20_000 }).toEqual([1])
}

/** Counts values per hour, after a repartition topic. */
function hourCounts(applicationId: string): Plan {
  const builder = new StreamsBuilder()
  builder
    .stream<string, string>(`${applicationId}-in`, TEXT)
    .groupBy((_key, value) => value, { name: 'by-value', ...TEXT })
    .windowedBy(timeWindows({ sizeMs: HOUR_MS }))
    .count({ materialized: { name: 'counts' } })
    .toStream()
    .map(({ key, window }, count) => [`${key}@${window.start}`, count])
    .to(`${applicationId}-out`, { keySerde: stringSerde, valueSerde: int32Serde })
  return builder.build().build({ applicationId })
}

/** Closed at the end, also of a test that fails. */
async function started(options: KafkaAppOptions): Promise<RunningInstance> {
  const instance = await startKafkaApp(options)
  onTestFinished(() => instance.close())
  return instance
}

async function application(applicationId: string) {
  const [input, output] = [`${applicationId}-in`, `${applicationId}-out`]
  // An operator sets this when the producers' clocks cannot be trusted.
  const anyTime = { 'message.timestamp.after.max.ms': String(Number.MAX_SAFE_INTEGER) }
  await admin.createTopics([input, output].map((name) => ({ name, partitions: 1, config: anyTime })))
  const outputs = async (): Promise<[string, number][]> => {
    const [records = []] = await readAll(kafka, output, await admin.highWatermarks([{ topic: output, partition: 0 }]))
    return records.map(({ key, value }) => [String(key), (value as Buffer).readInt32BE()])
  }
  return {
    plan: hourCounts(applicationId),
    outputs,
    feed: (times: readonly number[]) =>
      write(
        writer,
        times.map((timestamp) => ({ topic: input, partition: 0, key: null, value: 'v', timestamp })),
      ),
    async untilCounted(start: number, count: number): Promise<void> {
      const row = [`v@${start}`, count]
      await expect.poll(outputs, { timeout: 20_000 }).toContainEqual(row)
    },
  }
}

it('records with any accepted timestamp are counted, also in internal topics that an older version made', async () => {
  const app = await application('any-time')
  const changelog = 'any-time-counts-changelog'
  const repartition = 'any-time-by-value-repartition'
  await admin.createTopics([
    { name: changelog, partitions: 1, config: CUT_BY_THE_CLOCK },
    { name: repartition, partitions: 1, config: { 'cleanup.policy': 'delete', 'retention.ms': '-1' } },
  ])
  const instance = await started({ kafka, plan: app.plan })
  const now = Date.now()
  const hours = [0, MARCH_2019, now, now + 3 * HOUR_MS, now + 366 * DAY_MS].map((time) => time - (time % HOUR_MS))
  for (const hour of hours) await app.feed([hour, hour + 1])
  for (const hour of hours) await app.untilCounted(hour, 2)
  await instance.close()
  expect(await instance.stopped).toBeNull()
  const settings = await admin.topicSettings([changelog, repartition])
  expect(settings.get(changelog)?.get('cleanup.policy')).toBe('compact')
  for (const topic of [changelog, repartition]) {
    expect(Number(settings.get(topic)?.get('message.timestamp.after.max.ms'))).toBeGreaterThan(2 ** 62)
    expect(Number(settings.get(topic)?.get('max.message.bytes'))).toBe(64 * 1024 * 1024)
  }
})

it("a window of 2019 keeps its count after the disk is lost, however old its changelog is by the broker's clock", async () => {
  const app = await application('old-window')
  const start = MARCH_2019 - (MARCH_2019 % HOUR_MS)
  const first = await started({ kafka, plan: app.plan })
  await app.feed(Array.from({ length: 6 }, (_, i) => start + i))
  await app.untilCounted(start, 6)
  await first.close()
  await retentionHasRun('old-window-control')
  const second = await started({ kafka, plan: app.plan })
  await app.feed([start + 7])
  await app.untilCounted(start, 7)
  await second.close()
  expect(new Set((await app.outputs()).map(([key]) => key))).toEqual(new Set([`v@${start}`]))
})

it('a process clock that jumps 30 days ahead and back changes only the times given to punctuators', async () => {
  const [input, output] = ['jumps-in', 'jumps-out']
  await application('jumps')
  let aheadMs = 0
  const told: number[] = []
  const plan = countingPlan({
    prefix: 'jumps-',
    // Written by the clock: a row of the changelog and a record of the output.
    onInit: (context) =>
      context.schedule(20, 'wall-clock-time', (timestamp) => {
        told.push(timestamp)
        const store = context.store('counts') as TimestampedKeyValueStore<string, number>
        store.put('clock', { value: told.length, timestamp })
        context.forward(record('clock', 'tick', timestamp))
      }),
  })
  const clock = { ...realClock, now: () => realClock.now() + aheadMs }
  const instance = await started({ kafka, plan, clock })
  const seen = async (count: number): Promise<void> => {
    const before = told.length
    await write(writer, [{ topic: input, partition: 0, key: 'a', value: 'x' }])
    const lines = async () => {
      const [records = []] = await readAll(kafka, output, await admin.highWatermarks([{ topic: output, partition: 0 }]))
      return records.map(({ key, value }) => `${key}=${value}`).filter((line) => line.startsWith('a'))
    }
    await expect.poll(lines, { timeout: 20_000 }).toEqual(Array.from({ length: count }, (_, i) => `a=${i + 1}`))
    await expect.poll(() => told.length, { timeout: 20_000 }).toBeGreaterThan(before + 2)
  }
  for (const [i, jump] of [0, 30 * DAY_MS, -30 * DAY_MS, 0].entries()) {
    aheadMs = jump
    await seen(i + 1)
  }
  await instance.close()
  expect(await instance.stopped).toBeNull()
  expect(Math.max(...told) - Math.min(...told)).toBeGreaterThan(59 * DAY_MS)
})

it('the application continues after events of any time, and restores histories of 2019 when its disk is lost', async () => {
  const applicationId = 'rides-any-time'
  const directory = await mkdtemp(join(tmpdir(), 'ride-times-'))
  const bootstrap = broker.bootstrap
  const send = async (records: readonly RideInputRecord[]): Promise<void> => {
    const batch = writer.newBatch()
    // By their record timestamps they are of today: what is odd is in the events.
    for (const { topic, key, value } of records) {
      const partition = partitionForKey(key as Buffer, topic === 'driver.location.updated' ? 6 : 3)
      batch.append(topic, partition, key, value, Date.now(), [])
    }
    await writer.commit({ batch, offsets: [], group: () => null })
    await untilDrained(bootstrap, applicationId, 30_000, ALL_REPARTITIONS)
  }
  const start = async (stateDir: string): Promise<AppProcess> => {
    const app = await AppProcess.start({
      KAFKA_BROKERS: bootstrap,
      APPLICATION_ID: applicationId,
      STATE_DIR: join(directory, stateDir),
      PROCESSORS: ALL_PROCESSORS.join(','),
    })
    await app.ready()
    return app
  }
  const here = { lat: 40.7, lng: -74 }
  const ride = (id: string, at: number): RideInputRecord[] => [
    requested(id, at, here),
    completed(id, at),
    driverAt(`driver-of-${id}`, at, here),
  ]
  const status = async (app: AppProcess, path: string): Promise<number> => (await fetch(`${app.url}${path}`)).status

  await keepRideTopics(bootstrap, applicationId)
  const first = await start('first')
  await send(ride('of-2019', MARCH_2019))
  expect(await status(first, '/trips/of-2019/history')).toBe(200)
  expect(await first.end('SIGTERM')).toBe(0)
  await retentionHasRun('rides-control')

  const second = await start('second')
  expect(await status(second, '/trips/of-2019/history')).toBe(200)
  const now = Date.now()
  const times = { 'of-0001': Date.parse('0001-01-01T00:00:00Z'), 'of-1970': 0, 'in-hours': now + 3 * HOUR_MS }
  for (const [id, at] of Object.entries({ ...times, 'in-a-year': now + 366 * DAY_MS })) await send(ride(id, at))
  await send(ride('of-today', now))
  for (const id of ['of-2019', ...Object.keys(times), 'in-a-year', 'of-today']) {
    expect([id, await (await fetch(`${second.url}/trips/${id}`)).json()]).toMatchObject([id, { status: 'completed' }])
    expect([id, await status(second, `/drivers/driver-of-${id}`)]).toEqual([id, 200])
  }
  expect(
    await admin.highWatermarks([0, 1, 2].map((partition) => ({ topic: `${applicationId}.dlq`, partition }))),
  ).toEqual([0, 0, 0])
  expect(await second.end('SIGTERM')).toBe(0)
  await rm(directory, { recursive: true, force: true })
}, 60_000)
