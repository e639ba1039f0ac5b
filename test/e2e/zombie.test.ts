import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { CORE_PROCESSORS } from '../../processors/processor-names.ts'
import { AppProcess } from '../support/app-process.ts'
import { leaveOpenTransaction } from '../support/open-transaction.ts'
import { RideFeeder } from '../support/ride-feeder.ts'
import { rideInput } from '../support/ride-input.ts'
import { borrowRideKafka, type RideKafka } from '../support/ride-kafka.ts'
import { expectOutputsOfOracle } from '../support/ride-outputs.ts'
import { untilDrained } from '../support/until-drained.ts'

const APPLICATION_ID = 'zombie'
const EVENTS = 6000

let rides: RideKafka

beforeAll(async () => {
  rides = await borrowRideKafka(APPLICATION_ID)
})

afterAll(() => rides?.close())

it('a frozen and replaced instance that wakes up joins the group again, and has committed nothing', async () => {
  const { broker, bootstrap, kafka, directory } = rides
  const start = (name: string): Promise<AppProcess> =>
    AppProcess.start({
      KAFKA_BROKERS: bootstrap,
      APPLICATION_ID,
      STATE_DIR: join(directory, name),
      SESSION_TIMEOUT_MS: '3000',
      PROCESSORS: CORE_PROCESSORS.join(),
    })
  const feeder = new RideFeeder(rideInput({ seed: 11, count: EVENTS }), kafka)
  const first = await start('first')
  await first.ready()
  const second = await start('second')
  const feeding = feeder.feed(EVENTS / 2)
  await feeder.sent(1000)
  first.signal('SIGSTOP')
  await feeding
  // Only the second can get it done, once the first's session has timed out and its transaction is fenced.
  await untilDrained(bootstrap, APPLICATION_ID, 60_000)
  const feedingOn = feeder.feed(feeder.left)
  first.signal('SIGCONT')
  await feedingOn
  await feeder.close()
  await untilDrained(bootstrap, APPLICATION_ID, 60_000)
  expect(await first.end('SIGTERM')).toBe(0)
  expect(await second.end('SIGTERM')).toBe(0)
  await expectOutputsOfOracle(broker, kafka, APPLICATION_ID)
})

it('an instance starts while an open transaction holds offsets of its group, and continues when that has ended', async () => {
  const { bootstrap, directory } = rides
  const applicationId = 'held-up'
  const nobody = { groupId: applicationId, generation: -1, memberId: '', groupInstanceId: null }
  const offset = { topic: 'trip.requested', partition: 0, offset: 0, metadata: '' }
  const held = await leaveOpenTransaction(bootstrap, 'of-the-dead', 'trip.requested', [], [offset], nobody)
  const app = await AppProcess.start({
    KAFKA_BROKERS: bootstrap,
    APPLICATION_ID: applicationId,
    STATE_DIR: join(directory, applicationId),
    PROCESSORS: CORE_PROCESSORS.join(),
  })
  expect((await fetch(`${app.url}/health/ready`)).status).toBe(503)
  await held.commit()
  await app.ready()
  expect(await app.end('SIGTERM')).toBe(0)
})
