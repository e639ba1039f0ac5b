/*
 * npm run bench [-- --events N --rounds N --peers ride-streams-1,kafka-streams-1 --latency SECONDS --queries SECONDS]
 *
 * One broker, one input, one run: the floor, then in every round each peer on its own from the first record to the last,
 * measured by committed offsets; in the last round latency at 1,000 events/s too. The table shows each peer's median round and
 * ends in ratios of them: only those compare over machines. Queries come last; `--peers none --events 50000` measures them alone.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { Kafka, logLevel } from 'kafkajs'
import { EVENT_TYPES } from '../processors/events/schemas.ts'
import { type BenchCluster, startBenchCluster } from './cluster.ts'
import { measureFloor } from './floor.ts'
import { type Latency, measureLatency } from './latency.ts'
import { medianBy } from './median.ts'
import type { Peer } from './peer.ts'
import { buildKafkaStreamsPeer, startKafkaStreamsPeer } from './peers/kafka-streams.ts'
import { startRideStreams } from './peers/ride-streams.ts'
import { processUsage } from './process-usage.ts'
import { watchProgress } from './progress-watch.ts'
import { measureQueries, type QueryResults } from './queries.ts'

const PEERS: readonly Peer[] = [
  { name: 'ride-streams', threads: 1, start: startRideStreams },
  { name: 'ride-streams', threads: 2, start: startRideStreams },
  { name: 'kafka-streams', threads: 1, start: startKafkaStreamsPeer },
  { name: 'kafka-streams', threads: 2, start: startKafkaStreamsPeer },
]
const LATENCY_RATE = 1000
let runs = 0

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '1000000' },
    peers: { type: 'string', default: PEERS.map((peer) => idOf(peer)).join(',') },
    latency: { type: 'string', default: '15' },
    rounds: { type: 'string', default: '3' },
    queries: { type: 'string', default: '5' },
  },
})
const events = Number(values.events)
const chosen = PEERS.filter((peer) => values.peers.split(',').includes(idOf(peer)))
const secondsOfLatency = Number(values.latency)
const rounds = Number(values.rounds)

interface Result {
  readonly peer: Peer
  readonly perSecond: number
  readonly totalSeconds: number
  readonly cpuSeconds: number
  readonly peakRssMiB: number
  readonly latency: Latency | null
}

say(`loading ${events} events`)
if (chosen.some(({ name }) => name === 'kafka-streams')) await buildKafkaStreamsPeer()
const cluster = await startBenchCluster(events, (done) => {
  if (done % 250_000 === 0) say(`  ${done}`)
})
try {
  const floor = await measureFloor(cluster.kafka, events)
  say(`floor (fetch + JSON.parse): ${Math.round(floor)}/s`)
  // A broker's first minute is its slowest: two passes that do not count, so that no peer pays for being first.
  if (chosen.length > 0) say('warming the broker up')
  for (let pass = 0; pass < 2 && chosen.length > 0; pass++) await measure(PEERS[0] as Peer, cluster, 0)
  const measured = new Map<Peer, Result[]>(chosen.map((peer) => [peer, []]))
  for (let round = 1; round <= rounds; round++) {
    // Peers take turns: the machine's slow minutes hit them all.
    for (const peer of chosen) {
      const result = await measure(peer, cluster, round === rounds ? secondsOfLatency : 0)
      say(`round ${round}, ${idOf(peer)}: ${Math.round(result.perSecond)}/s`)
      measured.get(peer)?.push(result)
    }
  }
  const results = [...measured.values()].map(medianOf)
  if (results.length > 0) print(floor, results)
  const seconds = Number(values.queries)
  if (seconds > 0) printQueries(await queries(cluster, seconds))
} finally {
  await cluster.stop()
}

/** Alone, after the peers: a query must not wait for them. */
async function queries({ bootstrap, createTopicsFor }: BenchCluster, seconds: number): Promise<QueryResults> {
  const applicationId = `bench-queries-${runs++}`
  await createTopicsFor(applicationId)
  const admin = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    const processed = () => watchProgress(admin, applicationId, [...EVENT_TYPES], events)
    return await measureQueries({ bootstrap, applicationId, seconds, rounds, processed })
  } finally {
    await admin.disconnect()
  }
}

function printQueries({ trips, bare, ratio, moving, underLoad, eventsPerSecond }: QueryResults): void {
  say(`GET /trips/:id on the owner: ${Math.round(trips.perSecond)}/s, p99 ${trips.p99} ms, ${trips.failed} failed`)
  say(`bare fastify: ${Math.round(bare.perSecond)}/s, p99 ${bare.p99} ms; ratio ${ratio.toFixed(2)} (target 0.6)`)
  const share = (moving.perSecond / bare.perSecond).toFixed(2)
  say(`while 1,000 events/s come in: ${Math.round(moving.perSecond)}/s, p99 ${moving.p99} ms; ratio ${share}`)
  const rate = `${Math.round(eventsPerSecond)} events/s and ${Math.round(underLoad.perSecond)} requests/s`
  say(`at ${rate}: p50 ${underLoad.p50} ms, p99 ${underLoad.p99} ms, ${underLoad.failed} failed`)
}

async function measure(
  peer: Peer,
  { bootstrap, createTopicsFor }: BenchCluster,
  latencySeconds: number,
): Promise<Result> {
  const applicationId = `bench-${idOf(peer)}-${runs++}`
  await createTopicsFor(applicationId)
  const stateDir = await mkdtemp(join(tmpdir(), 'ride-bench-'))
  const admin = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  const started = await peer.start({ bootstrap, applicationId, threads: peer.threads, stateDir })
  try {
    const [progress] = await Promise.all([
      watchProgress(admin, applicationId, [...EVENT_TYPES], events),
      started.running,
    ])
    const usage = await processUsage(started.pid)
    const latency =
      latencySeconds > 0 ? await measureLatency({ bootstrap, seconds: latencySeconds, perSecond: LATENCY_RATE }) : null
    return { peer, ...progress, ...usage, latency }
  } finally {
    await started.stop()
    await admin.disconnect()
    await rm(stateDir, { recursive: true, force: true })
  }
}

/** The round in the middle by speed, with the latency of the last round. */
function medianOf(results: readonly Result[]): Result {
  const middle = medianBy(results, ({ perSecond }) => perSecond)
  return { ...middle, latency: results.at(-1)?.latency ?? null }
}

function print(floor: number, results: readonly Result[]): void {
  const table = new Table({
    head: ['peer', 'threads', 'events/s', 'of floor', 'total s', 'CPU s', 'peak RSS MiB', 'p50 ms', 'p99 ms'],
    style: { head: [], border: [] },
  })
  for (const { peer, perSecond, totalSeconds, cpuSeconds, peakRssMiB, latency } of results) {
    table.push([
      peer.name,
      peer.threads,
      Math.round(perSecond),
      `${((perSecond / floor) * 100).toFixed(0)} %`,
      totalSeconds.toFixed(1),
      cpuSeconds.toFixed(1),
      peakRssMiB,
      latency === null ? '-' : latency.p50.toFixed(1),
      latency === null ? '-' : latency.p99.toFixed(1),
    ])
  }
  say(`\n${events} events, ${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown CPU'}, Node ${process.version}`)
  say(`floor: ${Math.round(floor)}/s`)
  say(table.toString())
  for (const threads of [1, 2]) {
    const of = (name: string) => results.find(({ peer }) => peer.name === name && peer.threads === threads)?.perSecond
    const [ours, theirs] = [of('ride-streams'), of('kafka-streams')]
    if (ours !== undefined && theirs !== undefined) {
      say(`ride-streams / kafka-streams, ${threads} thread(s): ${(ours / theirs).toFixed(2)}x`)
    }
  }
}

function idOf({ name, threads }: Peer): string {
  return `${name}-${threads}`
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
