import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { LogWriter } from '../../runtime/ports/log.ts'
import { AppProcess } from '../support/app-process.ts'
import { readAll } from '../support/kafka-log.ts'
import { driverAt, requested } from '../support/ride-events.ts'
import type { RideInputRecord } from '../support/ride-input.ts'
import { borrowRideKafka, type RideKafka } from '../support/ride-kafka.ts'
import { untilDrained } from '../support/until-drained.ts'

const APPLICATION_ID = 'errors'
const CELLS = 'driver.cell.changed'

let rides: RideKafka
let producer: LogWriter

beforeAll(async () => {
  rides = await borrowRideKafka(APPLICATION_ID)
  producer = rides.cluster.writer({ transactionalId: null })
  await producer.init()
})

afterAll(() => rides?.close())

async function send(records: readonly RideInputRecord[]): Promise<void> {
  const batch = producer.newBatch()
  for (const { topic, key, value, timestamp } of records) batch.append(topic, 0, key, value, timestamp, [])
  await producer.commit({ batch, offsets: [], group: () => null })
}

async function keysOf(topic: string, partitions: number): Promise<string[]> {
  const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
  const { cluster } = rides
  const logs = await readAll(cluster, topic, await cluster.admin().highWatermarks(all))
  return logs.flat().map(({ key }) => String(key).slice(0, 10))
}

it('a record whose output or row is too large becomes a dead letter; without a handler it stops the application', async () => {
  const { bootstrap, cluster, directory } = rides
  const start = (name: string, handler: string): Promise<AppProcess> =>
    AppProcess.start({
      KAFKA_BROKERS: bootstrap,
      APPLICATION_ID,
      STATE_DIR: join(directory, name),
      SESSION_TIMEOUT_MS: '6000',
      PROCESSORS: 'trip-state,driver-cells',
      PRODUCTION_EXCEPTION_HANDLER: handler,
      UNCAUGHT_EXCEPTION_HANDLER: 'shutdown-application',
    })
  /** A start raises the limits of the topics that are the application's own. */
  const narrow = async (): Promise<void> => {
    await cluster.admin().changeTopicSettings(CELLS, { 'max.message.bytes': '1000' })
    await cluster.admin().changeTopicSettings(`${APPLICATION_ID}-trip-state-changelog`, { 'max.message.bytes': '1500' })
  }
  const only = await start('only', 'dead-letter')
  await only.ready()
  await narrow()
  const at = Date.parse('2025-10-29T10:00:00Z')
  const here = { lat: 40.7, lng: -74 }
  await send([
    driverAt('d-1', at, here),
    driverAt(`long-${'x'.repeat(1000)}`, at, here),
    driverAt('d-2', at, here),
    requested('t-1', at, here),
    requested('t-2', at, { ...here, address: 'y'.repeat(2000) }),
  ])
  await untilDrained(bootstrap, APPLICATION_ID, 30_000)
  expect(await keysOf(CELLS, 6)).toEqual(['d-1', 'd-2'])
  expect((await keysOf(`${APPLICATION_ID}.dlq`, 3)).sort()).toEqual(['long-xxxxx', 't-2'])
  expect(await only.end('SIGTERM')).toBe(0)

  const [first, second] = await Promise.all([start('first', 'fail'), start('second', 'fail')])
  await Promise.all([first.ready(), second.ready()])
  await narrow()
  await send([requested('t-3', at, { ...here, address: 'y'.repeat(2000) })])
  const codes = await Promise.all([first.exit(), second.exit()])
  expect(codes).toEqual([1, 1])
  const [failed, told] = first.log.some((line) => line.includes('asked the whole application'))
    ? [second, first]
    : [first, second]
  expect(failed.log.at(-1)).toMatch(
    /^ride-streams: store trip-state: a row cannot be written to the changelog: .*errors-trip-state-changelog.*MESSAGE_TOO_LARGE/,
  )
  expect(told.log.at(-1)).toMatch(
    /^ride-streams: another instance asked the whole application to stop: store trip-state: /,
  )
  // Both left, and what was good is committed.
  expect(await cluster.admin().describeGroup(APPLICATION_ID)).toMatchObject({ state: 'Empty', members: [] })
  expect(await keysOf('trip.state', 3)).toEqual(['t-1'])
})
