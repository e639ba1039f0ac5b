/*
 * npm run bench:operators [-- --events N --rounds N --operators "count,sessions" --peers ride-streams,kafka-streams --threads N]
 *
 * Operators of the DSL one by one beside Kafka Streams: the same topology, optimisation, input, broker, guarantee and number of threads.
 * In every round each peer processes all input once. Its time runs from the first commit of input to the last record of any of its
 * topics, so what waits in repartition topics counts. The outputs of all runs have to be equal. The table shows medians; only ratios of
 * one run compare over machines.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import Table from 'cli-table3'
import { Kafka, logLevel } from 'kafkajs'
import { connectKafka, type KafkaCluster } from '../infra/kafka/kafka.ts'
import { startJarBroker } from '../infra/local-kafka/jar-broker.ts'
import { watchDrain } from './drain-watch.ts'
import { medianBy } from './median.ts'
import { INPUT_PARTITIONS, INPUT_TOPICS, type InputTopic, inputOf, recordsOf } from './operators/input.ts'
import { OPERATORS, type Operator, operatorNamed } from './operators/operators.ts'
import { digestOf, type OutputsDigest } from './operators/outputs-digest.ts'
import type { PeerOptions, RunningPeer } from './peer.ts'
import { buildKafkaStreamsPeer, startKafkaStreamsPeer } from './peers/kafka-streams.ts'
import { startOperator } from './peers/ride-streams-operator.ts'
import { watchProgress } from './progress-watch.ts'
import { recordSender, sendAll } from './record-sender.ts'

const PEERS: Readonly<Record<string, (options: PeerOptions, name: string, out: string) => Promise<RunningPeer>>> = {
  'ride-streams': startOperator,
  'kafka-streams': (options, name, out) => startKafkaStreamsPeer({ ...options, operator: { name, out } }),
}

interface Result {
  readonly perSecond: number
  /** CPU of each input record, microseconds; the start counts, too. */
  readonly cpuUs: number
  readonly peakRssMiB: number
}

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' },
    operators: { type: 'string', default: Object.keys(OPERATORS).join() },
    peers: { type: 'string', default: Object.keys(PEERS).join() },
    threads: { type: 'string', default: '1' },
  },
})
const events = Number(values.events)
const rounds = Number(values.rounds)
const names = values.operators.split(',')
const peers = values.peers.split(',')
const threads = Number(values.threads)
let runs = 0

if (peers.includes('kafka-streams')) await buildKafkaStreamsPeer()
const broker = await startJarBroker()
const kafka = connectKafka({ brokers: [broker.bootstrap], clientId: 'bench' })
const admin = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING }).admin()
try {
  await admin.connect()
  await loadInputs()
  const table = new Table({
    head: ['operator', 'peer', 'events/s', 'ratio', 'CPU us/event', 'ratio', 'peak RSS MiB'],
    style: { head: [], border: [] },
  })
  for (const name of names) {
    const results = await compare(name, operatorNamed(name))
    const slowest = results.at(-1)?.[1] as Result
    for (const [peer, result] of results) table.push([name, peer, ...figures(result, slowest)])
  }
  say(table.toString())
} finally {
  await admin.disconnect()
  await kafka.close()
  await broker.stop()
}

async function loadInputs(): Promise<void> {
  await createTopics(kafka, INPUT_TOPICS)
  const send = await recordSender(kafka, INPUT_TOPICS)
  for (const topic of INPUT_TOPICS) {
    say(`loading ${topic}`)
    await sendAll(inputOf(topic, events), send)
  }
}

async function createTopics(cluster: KafkaCluster, topics: readonly string[]): Promise<void> {
  await cluster
    .admin()
    .createTopics(topics.map((name) => ({ name, partitions: INPUT_PARTITIONS, config: { 'retention.ms': '-1' } })))
}

/** The median round of each peer. @throws Error when two outputs differ */
async function compare(name: string, operator: Operator): Promise<readonly (readonly [peer: string, Result])[]> {
  const found = new Map<string, Result[]>(peers.map((peer) => [peer, []]))
  let wanted: OutputsDigest | null = null
  for (let round = 1; round <= rounds; round++) {
    for (const peer of peers) {
      const { result, output } = await measure(peer, name, operator)
      found.get(peer)?.push(result)
      const text = figures(result, result).join(', ')
      say(`${name}, round ${round}, ${peer}: ${text}, ${output.records} outputs`)
      wanted ??= output
      if (!isDeepStrictEqual(output, wanted)) {
        throw new Error(`${name}, ${peer}: outputs are ${JSON.stringify(output)}, not ${JSON.stringify(wanted)}`)
      }
    }
  }
  return [...found].map(([peer, results]) => [peer, medianBy(results, ({ perSecond }) => perSecond)])
}

async function measure(peer: string, name: string, { inputs, output }: Operator) {
  const applicationId = `operators-${runs++}`
  const out = `${applicationId}-out`
  await createTopics(kafka, [out, `${applicationId}.dlq`])
  const stateDir = await mkdtemp(join(tmpdir(), 'operators-bench-'))
  const start = PEERS[peer]
  if (start === undefined) throw new RangeError(`no peer is named ${peer}: ${Object.keys(PEERS).join(', ')}`)
  const running = await start({ bootstrap: broker.bootstrap, applicationId, threads, stateDir }, name, out)
  let isStopped = false
  const stop = async () => {
    if (!isStopped) await running.stop()
    isStopped = true
  }
  try {
    const records = recordsIn(inputs)
    const [progress] = await Promise.all([watchProgress(admin, applicationId, [...inputs], records), running.running])
    const { perSecond, usage } = await watchDrain({ admin, applicationId, pid: running.pid, progress })
    await stop()
    return {
      result: { perSecond, cpuUs: (usage.cpuSeconds / records) * 1e6, peakRssMiB: usage.peakRssMiB },
      output: await digestOf(kafka, out, output),
    }
  } finally {
    await stop()
    await rm(stateDir, { recursive: true, force: true })
  }
}

function recordsIn(topics: readonly InputTopic[]): number {
  return topics.reduce((sum, topic) => sum + recordsOf(topic, events), 0)
}

function figures({ perSecond, cpuUs, peakRssMiB }: Result, base: Result): string[] {
  return [
    String(Math.round(perSecond)),
    (perSecond / base.perSecond).toFixed(2),
    cpuUs.toFixed(1),
    (cpuUs / base.cpuUs).toFixed(2),
    String(peakRssMiB),
  ]
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
