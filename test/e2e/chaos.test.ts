import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { CORE_PROCESSORS } from '../../processors/processor-names.ts'
import { AppProcess } from '../support/app-process.ts'
import { countAborts } from '../support/count-aborts.ts'
import { Random } from '../support/random.ts'
import { RideFeeder } from '../support/ride-feeder.ts'
import { rideInput } from '../support/ride-input.ts'
import { borrowRideKafka, type RideKafka } from '../support/ride-kafka.ts'
import { expectOutputsOfOracle, rideOutputs } from '../support/ride-outputs.ts'
import { untilDrained } from '../support/until-drained.ts'

const APPLICATION_ID = 'chaos'
const EVENTS = 4_000
/** Records of one life. Some of them are sent when the application is gone. */
const FED = 1000
const MIN_KILLS = 3
const MIN_ABORTED = 1
const WIPED_AT_KILL = 2
const OUTPUTS = rideOutputs(APPLICATION_ID)

let rides: RideKafka

beforeAll(async () => {
  rides = await borrowRideKafka(APPLICATION_ID)
})

afterAll(() => rides?.close())

it('an application killed with -9 again and again loses, repeats and invents nothing', async () => {
  const { broker, bootstrap, kafka, directory } = rides
  const random = new Random(7)
  const input = rideInput({ seed: 7, count: EVENTS })
  const env = {
    KAFKA_BROKERS: bootstrap,
    APPLICATION_ID,
    STATE_DIR: directory,
    NUM_STREAM_THREADS: '2',
    // An instance that lost its state directory is a new member, and waits for the session of the old one to end.
    SESSION_TIMEOUT_MS: '3000',
    PROCESSORS: CORE_PROCESSORS.join(),
  }
  const ready = async (): Promise<AppProcess> => {
    const app = await AppProcess.start(env)
    await app.ready()
    return app
  }
  const feeder = new RideFeeder(input, kafka)
  let kills = 0
  let feeding = Promise.resolve()
  while (kills < MIN_KILLS || (await countAborts(join(broker.dataDir, 'data'), OUTPUTS)) < MIN_ABORTED) {
    const [app] = await Promise.all([ready(), feeding])
    // The app is busy from here to its end: records keep coming while it is killed, and while the next one starts.
    feeding = feeder.feed(Math.min(FED, Math.floor(feeder.left / 2)))
    await feeder.sent(200 + random.below(600))
    await app.end('SIGKILL')
    if (++kills === WIPED_AT_KILL) await rm(join(directory, APPLICATION_ID), { recursive: true })
    expect(kills, 'kills that left no aborted transaction').toBeLessThan(40)
  }
  const [app] = await Promise.all([AppProcess.start(env), feeding])
  await feeder.feed(feeder.left)
  await feeder.close()
  await untilDrained(bootstrap, APPLICATION_ID, 120_000)
  expect(await app.end('SIGTERM')).toBe(0)

  await expectOutputsOfOracle(broker, kafka, APPLICATION_ID)
})
