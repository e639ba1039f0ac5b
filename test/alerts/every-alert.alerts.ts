import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Producer } from 'kafkajs'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { connectKafka } from '../../infra/kafka/kafka.ts'
import type { LocalKafka } from '../../infra/local-kafka/local-kafka.ts'
import { freePorts } from '../../infra/local-kafka/readiness.ts'
import { CORE_PROCESSORS } from '../../processors/processor-names.ts'
import { partitionForKey } from '../../topology/index.ts'
import { JMX_METRICS } from '../ops/jmx-metrics.ts'
import { alertRules } from '../ops/used-metrics.ts'
import { AppProcess } from '../support/app-process.ts'
import { API, type KafkaProxy } from '../support/kafka-proxy.ts'
import { kafkajs, kafkajsProducer } from '../support/kafkajs.ts'
import { keepRideTopics } from '../support/keep-ride-topics.ts'
import { startProxiedKafka } from '../support/proxied-kafka.ts'
import { projectRoot } from '../support/run-cli.ts'
import { JmxExporter, remoteJmx } from './jmx-exporter.ts'
import { Prometheus } from './prometheus.ts'
import { quickRules } from './quick-rules.ts'

/*
 * The alert rules with short times: a real Prometheus scrapes the real application and the exporter of a real broker. A proxy
 * stands between application and broker. The tests run in order, and at the end every alert has fired.
 */

const HURRY = 30
const APPLICATION_ID = 'alerts'
const LAGGING = 25_000
/** Partitions of trip.completed. */
const PARTITIONS = 3

let broker: LocalKafka
let proxy: KafkaProxy
let exporter: JmxExporter
let prometheus: Prometheus
let producer: Producer
let stateDir: string
let env: Record<string, string>
let bootstrap: string
let app: AppProcess
const fired = new Set<string>()

beforeAll(async () => {
  const [jmxPort = 0, exporterPort = 0, httpPort = 0, prometheusPort = 0] = await freePorts(4)
  ;({ broker, proxy, bootstrap } = await startProxiedKafka({ jvmOptions: remoteJmx(jmxPort) }))
  exporter = await JmxExporter.start(exporterPort, `127.0.0.1:${jmxPort}`)
  await keepRideTopics(bootstrap, APPLICATION_ID)
  producer = await kafkajsProducer(kafkajs(bootstrap))
  stateDir = await mkdtemp(join(tmpdir(), 'ride-alerts-'))
  env = {
    KAFKA_BROKERS: bootstrap,
    APPLICATION_ID,
    STATE_DIR: stateDir,
    HTTP_PORT: String(httpPort),
    PROCESSORS: CORE_PROCESSORS.join(),
  }
  app = await AppProcess.start(env)
  await app.ready()
  prometheus = await Prometheus.start({
    port: prometheusPort,
    rules: quickRules(await readFile(join(projectRoot, 'ops/prometheus/alerts.yml'), 'utf8'), HURRY),
    targets: { 'ride-streams': `127.0.0.1:${httpPort}`, kafka: `127.0.0.1:${exporterPort}` },
  })
})

afterEach(() => {
  proxy.judge = () => 'forward'
})

afterAll(async () => {
  await app?.end('SIGKILL')
  await producer?.disconnect()
  await prometheus?.stop()
  await exporter?.stop()
  await proxy?.close()
  await broker?.stop()
  await rm(stateDir, { recursive: true, force: true })
})

/** With a timestamp that lies `age` ms back. */
async function complete(trips: number, age: number): Promise<void> {
  const at = Date.now() - age
  const messages = Array.from({ length: trips }, (_, i) => {
    const data = { tripId: `t-${at}-${i}`, finalFare: 5 }
    const timestamp = new Date(at).toISOString()
    const event = { eventId: `e-${at}-${i}`, eventType: 'trip.completed', eventVersion: '1.0', timestamp, data }
    return { key: data.tripId, value: JSON.stringify(event), timestamp: String(at) }
  })
  await producer.send({ topic: 'trip.completed', messages })
}

/** Rides continue while `work` runs. */
async function withTraffic<T>(age: number, work: () => Promise<T>): Promise<T> {
  let isOver = false
  const traffic = (async () => {
    while (!isOver) {
      await complete(5, age)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  })()
  try {
    return await work()
  } finally {
    isOver = true
    await traffic
  }
}

async function fires(alert: string, labels: Record<string, string> = {}): Promise<void> {
  expect(await prometheus.fires(alert)).toMatchObject(labels)
  fired.add(alert)
}

/** A member of another topology, which is sent away: the group has been through rebalances all the same. */
async function comeAndGo(): Promise<void> {
  const stranger = connectKafka({ brokers: [bootstrap], clientId: 'stranger' })
  const membership = stranger.membership({
    groupId: APPLICATION_ID,
    groupInstanceId: null,
    info: { processId: 'stranger', transactionalIds: [], threads: 1, applicationServer: null, topology: 'another' },
    tasks: [],
  })
  const listener = {
    report: async () => ({ active: [], lags: {} }),
    onAssigned: async () => {},
    onLost: async () => {},
    onFatal: () => {},
  }
  await expect(membership.join(listener)).rejects.toMatchObject({ code: 'CONFIG' })
  await membership.leave()
  await stranger.close()
}

const ofApp = (clientId: string): boolean => clientId === APPLICATION_ID

it('no alert fires while everything works', async () => {
  await withTraffic(0, async () => {
    await prometheus.until('count_over_time(up{job="ride-streams"}[1m])', 25)
    await prometheus.until('count_over_time(up{job="kafka"}[1m])', 15)
  })
  expect(await prometheus.query('sum(rate(commits_total[10s]))')).toBeGreaterThan(1)
  expect(await prometheus.firing()).toEqual([])
  expect(await prometheus.metricsOf('kafka')).toEqual(expect.arrayContaining([...JMX_METRICS]))
})

it('DeadLetters', async () => {
  await producer.send({ topic: 'trip.completed', messages: [{ key: 't', value: 'no json' }] })
  await fires('DeadLetters', { topic: 'trip.completed', reason: 'json', severity: 'warning' })
})

it('MisplacedKeys', async () => {
  const key = 'trip of another partitioner'
  const data = { tripId: key, finalFare: 5 }
  const timestamp = new Date().toISOString()
  const event = { eventId: 'misplaced', eventType: 'trip.completed', eventVersion: '1.0', timestamp, data }
  const partition = (partitionForKey(key, PARTITIONS) + 1) % PARTITIONS
  await producer.send({ topic: 'trip.completed', messages: [{ key, value: JSON.stringify(event), partition }] })
  await fires('MisplacedKeys', { topic: 'trip.completed', severity: 'critical' })
})

it('InputHeldBack', async () => {
  const hanging = kafkajs(bootstrap).producer({ transactionalId: 'hanging', idempotent: true, maxInFlightRequests: 1 })
  await hanging.connect()
  const transaction = await hanging.transaction()
  await transaction.send({ topic: 'trip.completed', messages: [{ key: 'open', value: 'no end', partition: 0 }] })
  await fires('InputHeldBack', { topic: 'trip.completed', partition: '0', severity: 'warning' })
  await transaction.abort()
  await hanging.disconnect()
})

it('LatencyHigh', async () => {
  await withTraffic(10_000, () => fires('LatencyHigh'))
})

it('CommitSlow', async () => {
  proxy.judge = ({ apiKey, clientId }) => (apiKey === API.endTxn && ofApp(clientId) ? 'late' : 'forward')
  await withTraffic(0, () => fires('CommitSlow'))
})

it('TransactionAborts', async () => {
  let lost = 0
  proxy.judge = ({ apiKey, clientId }) =>
    apiKey === API.endTxn && ofApp(clientId) && lost++ < 6 ? 'lose-request' : 'forward'
  await withTraffic(0, () => fires('TransactionAborts'))
})

it('RebalanceLoop', async () => {
  for (let i = 0; i < 12; i++) await comeAndGo()
  await fires('RebalanceLoop')
})

it('InstanceDown', async () => {
  expect(await app.end('SIGTERM')).toBe(0)
  await fires('InstanceDown', { job: 'ride-streams' })
})

it('InputLost', async () => {
  await complete(30, 0)
  const cluster = connectKafka({ brokers: [bootstrap], clientId: 'operator' })
  const partition = { topic: 'trip.completed', partition: 0 }
  const [end = 0] = await cluster.admin().highWatermarks([partition])
  await cluster.admin().deleteRecords([{ ...partition, offset: end }])
  await cluster.close()
  app = await AppProcess.start(env)
  await app.ready()
  await fires('InputLost', { topic: 'trip.completed', partition: '0', severity: 'critical' })
  expect(await app.end('SIGTERM')).toBe(0)
})

it('RestoreStuck', async () => {
  await rm(stateDir, { recursive: true })
  proxy.judge = ({ apiKey, clientId }) => (apiKey === API.fetch && ofApp(clientId) ? 'hold' : 'forward')
  app = await AppProcess.start(env)
  await fires('RestoreStuck')
})

it('ConsumerLagHigh, NoProgress', async () => {
  await app.end('SIGKILL')
  for (let i = 0; i < LAGGING; i += 2500) await complete(2500, 0)
  let commits = 0
  proxy.judge = ({ apiKey, clientId }) => {
    if (!ofApp(clientId)) return 'forward'
    if (apiKey === API.endTxn) commits++
    // The broker answers everything else: of one that is silent the lag would be unknown.
    return commits > 0 && (apiKey === API.endTxn || apiKey === API.fetch) ? 'hold' : 'forward'
  }
  app = await AppProcess.start(env)
  await fires('ConsumerLagHigh', { group: APPLICATION_ID, topic: 'trip.completed' })
  await fires('NoProgress')
})

it('KafkaBrokerDown, BrokerSilent', async () => {
  await broker.kill()
  await fires('BrokerSilent', { severity: 'critical' })
  await fires('KafkaBrokerDown', { job: 'kafka', severity: 'critical' })
})

it('the tests above cover every alert rule', async () => {
  expect([...fired].sort()).toEqual((await alertRules()).map(({ alert }) => alert).sort())
})
