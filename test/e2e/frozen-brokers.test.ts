import { afterAll, beforeAll, expect, it } from 'vitest'
import { CORE_PROCESSORS } from '../../processors/processor-names.ts'
import { AppProcess } from '../support/app-process.ts'
import { API, type Fate } from '../support/kafka-proxy.ts'
import { RideFeeder } from '../support/ride-feeder.ts'
import { rideInput } from '../support/ride-input.ts'
import { borrowProxiedRideKafka, type ProxiedRideKafka } from '../support/ride-kafka.ts'
import { expectOutputsOfOracle } from '../support/ride-outputs.ts'
import { untilDrained } from '../support/until-drained.ts'

/* Brokers that keep their connections and answer nothing: what waits for them must end when the settings say so. */

const APPLICATION_ID = 'frozen'
const CLOSE_TIMEOUT_MS = 1000
const TASK_TIMEOUT_MS = 2000
/** Leaving the group has its own limit; the rest is a loaded machine. */
const LEAVE_MS = 5000
const SLACK_MS = 6000

let rides: ProxiedRideKafka

beforeAll(async () => {
  rides = await borrowProxiedRideKafka(APPLICATION_ID)
})

afterAll(() => rides?.close())

/** The coordinator of transactions answers the application nothing from here on. Resolves when a commit meets that. */
function freezeCommits(fate: Fate): Promise<void> {
  const met = Promise.withResolvers<void>()
  rides.proxy.judge = ({ apiKey, clientId }): Fate => {
    // The feeder is an idempotent producer of its own, and has to get an id.
    if (clientId !== APPLICATION_ID) return 'forward'
    if (apiKey === API.initProducerId) return 'hold'
    if (apiKey !== API.endTxn) return 'forward'
    met.resolve()
    return fate
  }
  return met.promise
}

it('SIGTERM and TASK_TIMEOUT_MS end the program in time, and the next start does the remaining work', async () => {
  const { broker, bootstrap, kafka, directory, proxy } = rides
  const env = {
    KAFKA_BROKERS: bootstrap,
    APPLICATION_ID,
    STATE_DIR: directory,
    PROCESSORS: CORE_PROCESSORS.join(),
    CLOSE_TIMEOUT_MS: String(CLOSE_TIMEOUT_MS),
    TASK_TIMEOUT_MS: String(TASK_TIMEOUT_MS),
  }
  const feeder = new RideFeeder(rideInput({ seed: 22, count: 300 }), kafka)
  const stopped = await AppProcess.start(env)
  await stopped.ready()
  const frozen = freezeCommits('hold')
  await feeder.feed(100)
  await frozen
  proxy.judge = () => 'hold'
  const closing = performance.now()
  expect(await stopped.end('SIGTERM')).toBe(0)
  expect(performance.now() - closing).toBeGreaterThan(CLOSE_TIMEOUT_MS)
  expect(performance.now() - closing).toBeLessThan(CLOSE_TIMEOUT_MS + LEAVE_MS + SLACK_MS)

  proxy.judge = () => 'forward'
  const timedOut = await AppProcess.start(env)
  await timedOut.ready()
  const lost = freezeCommits('lose-answer').then(() => performance.now())
  const [from] = await Promise.all([lost, feeder.feed(100)])
  await timedOut.ended
  expect(await timedOut.end('SIGTERM')).toBe(1)
  expect(performance.now() - from).toBeGreaterThan(TASK_TIMEOUT_MS - 1000)
  expect(performance.now() - from).toBeLessThan(TASK_TIMEOUT_MS + LEAVE_MS + SLACK_MS)
  expect(timedOut.log.at(-1)).toMatch(/ made no progress for 2000 ms \(TASK_TIMEOUT_MS\): no session within \d+ ms/)

  proxy.judge = () => 'forward'
  const last = await AppProcess.start(env)
  await feeder.feed(feeder.left)
  await feeder.close()
  await untilDrained(bootstrap, APPLICATION_ID, 60_000)
  expect(await last.end('SIGTERM')).toBe(0)
  await expectOutputsOfOracle(broker, kafka, APPLICATION_ID)
})
