import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { DRIVER_TOPIC } from '../../processors/topics.ts'
import type { TaskStatus } from '../../runtime/ports/instance.ts'
import { AppProcess } from '../support/app-process.ts'
import { CommitGaps } from '../support/commit-gaps.ts'
import { RideFeeder } from '../support/ride-feeder.ts'
import { rideInput } from '../support/ride-input.ts'
import { borrowRideKafka, type RideKafka } from '../support/ride-kafka.ts'
import { expectOutputsOfOracle } from '../support/ride-outputs.ts'
import { untilDrained } from '../support/until-drained.ts'
import { untilSettled } from '../support/until-settled.ts'

const APPLICATION_ID = 'takeover'
const SESSION_TIMEOUT_MS = 6000

let rides: RideKafka

beforeAll(async () => {
  rides = await borrowRideKafka(APPLICATION_ID)
})

afterAll(() => rides?.close())

async function tasksOf(app: AppProcess): Promise<readonly TaskStatus[]> {
  const response = await fetch(`${app.url}/tasks`)
  return ((await response.json()) as { rows: TaskStatus[] }).rows
}

const runningIn = async (app: AppProcess): Promise<number> =>
  (await tasksOf(app)).filter(({ state }) => state === 'running').length

/** Driver partitions that a process runs, named as in CommitGaps. */
const driversOf = async (app: AppProcess): Promise<string[]> =>
  (await tasksOf(app))
    .flatMap(({ partitions }) => partitions)
    .filter(({ topic }) => topic === DRIVER_TOPIC)
    .map(({ partition }) => `driver-${partition}`)

const worst = (gaps: Record<string, number>, of = Object.keys(gaps)): number =>
  Math.max(0, ...of.map((name) => gaps[name] ?? Number.POSITIVE_INFINITY))

it('tasks move without a pause to a joining instance, soon from a leaving one, and to the standby of a killed one', async () => {
  const { broker, bootstrap, kafka, directory } = rides
  const start = (name: string): Promise<AppProcess> =>
    AppProcess.start({
      KAFKA_BROKERS: bootstrap,
      APPLICATION_ID,
      STATE_DIR: join(directory, name),
      NUM_STANDBY_REPLICAS: '1',
      SESSION_TIMEOUT_MS: String(SESSION_TIMEOUT_MS),
      PROCESSORS: 'trip-state,driver-cells,hourly-revenue',
    })
  const feeder = new RideFeeder(rideInput({ seed: 13, count: 60_000 }), kafka)
  let isFeeding = true
  /** So many records later. */
  const fed = async (count: number): Promise<void> => {
    const until = feeder.left - count
    if (until < 0) throw new Error('there is not enough input')
    while (feeder.left > until) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  const feeding = (async () => {
    while (isFeeding && feeder.left > 0) {
      await feeder.feed(Math.min(10, feeder.left))
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })()
  const gaps = new CommitGaps(kafka, APPLICATION_ID)
  const first = await start('first')
  await first.ready()
  await fed(250)
  gaps.take()

  const all = await runningIn(first)
  const second = await start('second')
  await untilSettled([first, second], { standbys: 1, behind: 500 })
  const joined = gaps.take()
  expect(first.log.filter((line) => line.includes('recovered'))).toEqual([])

  await fed(250)
  gaps.take()
  const stayed = await driversOf(first)
  expect(await second.end('SIGTERM')).toBe(0)
  await first.ready()
  await fed(250)
  const left = gaps.take()

  const third = await start('second')
  await untilSettled([first, third], { standbys: 1, behind: 500 })
  await fed(250)
  gaps.take()
  const survived = await driversOf(first)
  await third.end('SIGKILL')
  for (;;) {
    await fed(100)
    if ((await runningIn(first)) === all) break
  }
  await fed(250)
  const killed = gaps.take()

  isFeeding = false
  await feeding
  await gaps.stop()
  await feeder.close()
  await untilDrained(bootstrap, APPLICATION_ID, 60_000)
  expect(await first.end('SIGTERM')).toBe(0)
  // The targets are 3 s, and 2 s above the session timeout (RELIABILITY.md shows them); here other tests share the cores, so these
  // bounds only tell a takeover from waiting for a rebalance or a transaction to time out.
  expect(stayed.length + survived.length).toBeGreaterThan(0)
  expect(worst(left, stayed)).toBeLessThan(SESSION_TIMEOUT_MS)
  expect(worst(killed, survived)).toBeLessThan(SESSION_TIMEOUT_MS)
  expect(worst(joined)).toBeLessThan(SESSION_TIMEOUT_MS)
  expect(worst(left)).toBeLessThan(SESSION_TIMEOUT_MS)
  expect(worst(killed)).toBeLessThan(SESSION_TIMEOUT_MS + 10_000)
  await expectOutputsOfOracle(broker, kafka, APPLICATION_ID)
})
