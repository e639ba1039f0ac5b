import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Kafka } from 'kafkajs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { CORE_PROCESSORS } from '../../processors/processor-names.ts'
import { AppProcess } from '../support/app-process.ts'
import { countAborts } from '../support/count-aborts.ts'
import { type BorrowedKafka, borrowKafka } from '../support/kafka.ts'
import { kafkajs } from '../support/kafkajs.ts'
import { keepRideTopics } from '../support/keep-ride-topics.ts'
import { Random } from '../support/random.ts'
import { RideFeeder } from '../support/ride-feeder.ts'
import { rideInput } from '../support/ride-input.ts'
import { expectOutputsOfOracle, rideOutputs } from '../support/ride-outputs.ts'
import { untilDrained } from '../support/until-drained.ts'

const APPLICATION_ID = 'chaos'
const EVENTS = 20_000
const MIN_KILLS = 10
const MIN_ABORTED = 3
const WIPED_AT_KILL = 6
const OUTPUTS = rideOutputs(APPLICATION_ID)

let broker: BorrowedKafka
let kafka: Kafka
let stateDir: string

beforeAll(async () => {
  broker = await borrowKafka()
  kafka = kafkajs(broker.bootstrap)
  stateDir = await mkdtemp(join(tmpdir(), 'ride-chaos-'))
  await keepRideTopics(broker.bootstrap, APPLICATION_ID)
})

afterAll(async () => {
  await broker?.stop()
  await rm(stateDir, { recursive: true, force: true })
})

it('an application killed with -9 again and again loses, repeats and invents nothing', async () => {
  const random = new Random(7)
  const input = rideInput({ seed: 7, count: EVENTS })
  const env = {
    KAFKA_BROKERS: broker.bootstrap,
    APPLICATION_ID,
    STATE_DIR: stateDir,
    NUM_STREAM_THREADS: '2',
    PROCESSORS: CORE_PROCESSORS.join(),
  }
  const feeder = new RideFeeder(input, kafka)
  let kills = 0
  while (kills < MIN_KILLS || (await countAborts(join(broker.dataDir, 'data'), OUTPUTS)) < MIN_ABORTED) {
    const app = await AppProcess.start(env)
    await app.ready()
    // The app is busy from here to its end: records keep coming while it is killed.
    const feeding = feeder.feed(Math.min(1500, Math.floor(feeder.left / 2)))
    await feeder.sent(200 + random.below(800))
    await app.end('SIGKILL')
    await feeding
    if (++kills === WIPED_AT_KILL) await rm(join(stateDir, APPLICATION_ID), { recursive: true })
    expect(kills, 'kills that left no aborted transaction').toBeLessThan(40)
  }
  const app = await AppProcess.start(env)
  await feeder.feed(feeder.left)
  await feeder.close()
  await untilDrained(broker.bootstrap, APPLICATION_ID, 120_000)
  expect(await app.end('SIGTERM')).toBe(0)

  await expectOutputsOfOracle(broker, kafka, APPLICATION_ID)
})
