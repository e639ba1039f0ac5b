import { afterAll, beforeAll, expect, it } from 'vitest'
import { CORE_PROCESSORS } from '../../processors/processor-names.ts'
import { AppProcess } from '../support/app-process.ts'
import { API, type Fate } from '../support/kafka-proxy.ts'
import { RideFeeder } from '../support/ride-feeder.ts'
import { rideInput } from '../support/ride-input.ts'
import { borrowProxiedRideKafka, type ProxiedRideKafka } from '../support/ride-kafka.ts'
import { expectOutputsOfOracle } from '../support/ride-outputs.ts'
import { untilDrained } from '../support/until-drained.ts'

const APPLICATION_ID = 'faults'
const EVENTS = 6000
/** Commits whose end gets lost, every other one only its answer. */
const LOST_COMMITS = 4
const COMMITS_BETWEEN = 4
const CHUNK = 20
/** Reached by the log of a store after some hundred events. */
const FULL_KIB = 10

let rides: ProxiedRideKafka

beforeAll(async () => {
  rides = await borrowProxiedRideKafka(APPLICATION_ID)
})

afterAll(() => rides?.close())

/** Resolves at the end of the next commit that is lost, or not. */
let nextCommit: PromiseWithResolvers<void> = Promise.withResolvers()

/** Cuts the connection in the middle of every few EndTxn requests. Answers how often. */
function cutCommits(): () => number {
  let commits = 0
  let lost = 0
  rides.proxy.judge = ({ apiKey }): Fate => {
    if (apiKey !== API.endTxn) return 'forward'
    nextCommit.resolve()
    nextCommit = Promise.withResolvers()
    if (lost >= LOST_COMMITS || ++commits % COMMITS_BETWEEN !== 0) return 'forward'
    return ++lost % 2 === 0 ? 'lose-answer' : 'lose-request'
  }
  return () => lost
}

/** Feeds no faster than the application commits, however busy the machine is. */
async function feedWithCommits(feeder: RideFeeder, app: AppProcess, until: () => boolean): Promise<void> {
  const ended = app.ended.then(() => undefined)
  while (!until()) {
    if (feeder.left < CHUNK) throw new Error('there is not enough input')
    const committed = nextCommit.promise
    await feeder.feed(CHUNK)
    await Promise.race([committed, ended])
  }
}

it('lost commit replies and a full disk lose nothing, and the error that stops the program is one line', async () => {
  const { broker, bootstrap, kafka, directory } = rides
  const env = {
    KAFKA_BROKERS: bootstrap,
    APPLICATION_ID,
    STATE_DIR: directory,
    PROCESSORS: CORE_PROCESSORS.join(),
  }
  const feeder = new RideFeeder(rideInput({ seed: 21, count: EVENTS }), kafka)
  const app = await AppProcess.start(env)
  await app.ready()
  const lost = cutCommits()
  await feedWithCommits(feeder, app, () => lost() === LOST_COMMITS)
  await untilDrained(bootstrap, APPLICATION_ID, 60_000)
  expect(app.log.filter((line) => line.includes('COMMIT_UNKNOWN'))).toHaveLength(LOST_COMMITS)
  expect(await app.end('SIGTERM')).toBe(0)

  const full = await AppProcess.start(env, { maxFileKiB: FULL_KIB })
  await feedWithCommits(feeder, full, () => !full.isRunning)
  expect(await full.end('SIGTERM')).toBe(1)
  const told = full.log.filter((line) => /"level":"(warn|error)"|^ride-streams:/.test(line))
  // The input has some.
  const problems = told.filter((line) => !line.includes('"msg":"bad record: '))
  expect(problems).toHaveLength(2)
  expect(problems[0]).toMatch(/"level":"error".*"msg":"stopped by an error"/)
  expect(problems[1]).toMatch(
    /^ride-streams: no room in the state directory \(STATE_DIR\): \/\S+: .*File too large: make room and start again, nothing is lost$/,
  )

  const roomy = await AppProcess.start(env)
  await feeder.feed(Math.min(500, feeder.left))
  await feeder.close()
  await untilDrained(bootstrap, APPLICATION_ID, 60_000)
  expect(await roomy.end('SIGTERM')).toBe(0)
  await expectOutputsOfOracle(broker, kafka, APPLICATION_ID)

  const orphaned = await AppProcess.start(env)
  const admin = kafka.admin()
  await admin.connect()
  await admin.deleteTopics({ topics: ['trip.cancelled'] })
  await admin.disconnect()
  await orphaned.ended
  expect(await orphaned.end('SIGTERM')).toBe(1)
  expect(orphaned.log.at(-1)).toBe('ride-streams: input topic trip.cancelled was deleted while the application ran')
  await expect(AppProcess.start(env)).rejects.toThrow('topic trip.cancelled does not exist')
})
