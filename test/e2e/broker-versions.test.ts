import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRideTopics } from '../../app/topics/create-topics.ts'
import { connectKafka, type KafkaCluster } from '../../infra/kafka/kafka.ts'
import type { LocalKafka } from '../../infra/local-kafka/local-kafka.ts'
import { AppProcess } from '../support/app-process.ts'
import { countAborts } from '../support/count-aborts.ts'
import { API, type KafkaProxy } from '../support/kafka-proxy.ts'
import { kafkajs } from '../support/kafkajs.ts'
import { startProxiedKafka } from '../support/proxied-kafka.ts'
import { RideFeeder } from '../support/ride-feeder.ts'
import { rideInput } from '../support/ride-input.ts'
import { expectOutputsOfOracle, rideOutputs } from '../support/ride-outputs.ts'
import { untilDrained } from '../support/until-drained.ts'

/** All other tests use DEFAULT_KAFKA_VERSION. `npm run test:brokers` names more. */
const VERSIONS = (process.env.BROKER_VERSIONS ?? '3.9.1').split(',')
const APPLICATION_ID = 'versions'
const EVENTS = 1500

/** Request versions, by what the cluster has: transaction.version 2 came with Kafka 4.0. */
const OLDER = { produce: [11], txnOffsetCommit: [4], endTxn: [4], addsPartitions: true }
const VERSION_2 = { produce: [12], txnOffsetCommit: [5], endTxn: [5], addsPartitions: false }

let broker: LocalKafka | undefined
let proxy: KafkaProxy
let bootstrap: string
let cluster: KafkaCluster
let directory: string

describe.each(VERSIONS)('Kafka %s', (version) => {
  beforeEach(async () => {
    ;({ broker, proxy, bootstrap } = await startProxiedKafka({ kafkaVersion: version }))
    directory = await mkdtemp(join(tmpdir(), 'ride-versions-'))
    cluster = connectKafka({ brokers: [bootstrap], clientId: 'test' })
    await createRideTopics(cluster.admin(), { applicationId: APPLICATION_ID, outputRetentionMs: -1, keepForever: true })
  })

  afterEach(async () => {
    await cluster?.close()
    await proxy?.close()
    await broker?.stop()
    await rm(directory, { recursive: true, force: true })
  })

  it('keeps outputs exact through a lost EndTxn and a fenced session, in its transaction protocol', async () => {
    const own = broker as LocalKafka
    const start = (name: string): Promise<AppProcess> =>
      AppProcess.start({
        KAFKA_BROKERS: bootstrap,
        APPLICATION_ID,
        STATE_DIR: join(directory, name),
        PROCESSORS: 'trip-state,driver-cells,hourly-revenue',
      })
    const kafka = kafkajs(bootstrap)
    const feeder = new RideFeeder(rideInput({ seed: 7, count: EVENTS }), kafka)
    const first = await start('first')
    await first.ready()

    // A transaction that was written and never ended: aborted by the next session of the same id.
    let isLost = false
    proxy.judge = ({ apiKey, clientId }) => {
      if (isLost || apiKey !== API.endTxn || clientId !== APPLICATION_ID) return 'forward'
      isLost = true
      return 'lose-request'
    }
    await feeder.feed(EVENTS / 3)
    await untilDrained(bootstrap, APPLICATION_ID, 30_000)
    expect(isLost).toBe(true)
    const outputs = rideOutputs(APPLICATION_ID)
    expect(await countAborts(join(own.dataDir, 'data'), outputs)).toBeGreaterThan(0)

    // A member that takes over a vanished member's tasks does the same; the zombie may write nothing until the group takes it
    // back.
    const group = await cluster.admin().describeGroup(APPLICATION_ID)
    await cluster.fence([`${APPLICATION_ID}-${group?.members[0]?.groupInstanceId}-0`])
    await feeder.feed(EVENTS / 3)
    while (!first.log.some((line) => line.includes('was taken over by a newer session'))) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const second = await start('second')
    await feeder.feed(feeder.left)
    await feeder.close()
    await untilDrained(bootstrap, APPLICATION_ID, 30_000)
    expect(await Promise.all([first.end('SIGTERM'), second.end('SIGTERM')])).toEqual([0, 0])
    await expectOutputsOfOracle(own, kafka, APPLICATION_ID)

    const versionsOf = (apiKey: number): number[] => proxy.versions(apiKey, APPLICATION_ID)
    expect({
      produce: versionsOf(API.produce),
      txnOffsetCommit: versionsOf(API.txnOffsetCommit),
      endTxn: versionsOf(API.endTxn),
      addsPartitions: versionsOf(API.addPartitions).length > 0,
    }).toEqual(version.startsWith('3.') ? OLDER : VERSION_2)
  })
})
