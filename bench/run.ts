/*
 * npm run bench [-- --events N --rounds N --peers ride-streams-1,kafka-streams-1 --latency SECONDS --queries SECONDS]
 * npm run bench -- --quick [--record]
 *
 * One broker, one input, one run: the floor, then in every round each peer on its own from the first record to the last,
 * measured by committed offsets, its outputs compared with the oracle; in the last round latency too. The tables show each peer's
 * median round and end in ratios of them: only those compare over machines. Queries come last; `--peers none --events 50000` measures
 * them alone. `--quick` is one short round, and fails when a ratio is below 0.8 of the recorded one.
 */
import { parseArgs } from 'node:util'
import { benchRun } from './bench-run.ts'
import { type BenchCluster, startBenchCluster } from './cluster.ts'
import { measureFloor } from './floor.ts'
import { record, tooLow } from './guard.ts'
import { type MeasureOptions, measurePeer } from './measure-peer.ts'
import { OutputsCheck } from './outputs-check.ts'
import { chosenPeers, inTurns, PEERS, peerId } from './peers.ts'
import { measureQueries, type QueryResults } from './queries.ts'
import { latencyTable, peersTable, ratios } from './report.ts'

const LATENCY_RATES = [1000, 10_000]
const USUAL = PEERS.filter(({ name }) => name !== 'kafka-streams-transactional')
const QUICK = { events: '400000', rounds: '1', latency: '0', queries: '0' }
const FULL = { events: '3000000', rounds: '3', latency: '15', queries: '5' }

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
    events: { type: 'string' },
    peers: { type: 'string', default: USUAL.map(peerId).join() },
    latency: { type: 'string' },
    rounds: { type: 'string' },
    queries: { type: 'string' },
  },
})
const defaults = values.quick ? QUICK : FULL
const setting = (name: keyof typeof defaults): number => Number(values[name] ?? defaults[name])
const [events, rounds] = [setting('events'), setting('rounds')]

say(`loading ${events} events`)
const chosen = await chosenPeers(values.peers)
const cluster = await startBenchCluster(events, {
  onProgress(done) {
    if (done % 250_000 === 0) say(`  ${done}`)
  },
})
try {
  if (chosen.length > 0) await comparePeers(cluster)
  if (setting('queries') > 0) printQueries(await queries(cluster, setting('queries')))
} finally {
  await cluster.stop()
}

async function comparePeers(cluster: BenchCluster): Promise<void> {
  const floor = await measureFloor(cluster.kafka, events)
  say(`floor (fetch + JSON.parse): ${Math.round(floor)}/s`)
  const options: MeasureOptions = {
    events,
    check: new OutputsCheck(cluster.kafka, events),
    latencySeconds: 0,
    latencyRates: LATENCY_RATES,
  }
  // A broker's first minute is its slowest: a pass that does not count, so that no peer pays for being first.
  say('warming the broker up')
  await measurePeer(PEERS[0] as (typeof PEERS)[number], cluster, options)
  const measured = await inTurns(chosen, rounds, async (peer, round) => {
    const latencySeconds = round === rounds ? setting('latency') : 0
    const result = await measurePeer(peer, cluster, { ...options, latencySeconds })
    say(`round ${round}, ${peerId(peer)}: ${Math.round(result.perSecond)}/s, outputs right`)
    return result
  })
  say(`\n${peersTable(measured, floor, events)}`)
  const found = ratios(measured)
  for (const [name, ratio] of found) say(`${name}: ${ratio.toFixed(2)}`)
  if (setting('latency') > 0) say(latencyTable(measured))
  if (values.record) await record(found)
  else if (values.quick) {
    const low = await tooLow(found)
    for (const line of low) say(line)
    if (low.length > 0) process.exitCode = 1
  }
}

/** Alone, after the peers: a query must not wait for them. */
function queries(cluster: BenchCluster, seconds: number): Promise<QueryResults> {
  return benchRun(cluster, 'bench-queries', (run) => measureQueries(run, { seconds, rounds, events }))
}

function printQueries(results: QueryResults): void {
  const { trips, bare, ratio, byStatus, byStatusRatio, byStatusMoving, moving, underLoad, eventsPerSecond } = results
  say(`GET /trips/:id on the owner: ${Math.round(trips.perSecond)}/s, p99 ${trips.p99} ms, ${trips.failed} failed`)
  say(`bare fastify: ${Math.round(bare.perSecond)}/s, p99 ${bare.p99} ms; ratio ${ratio.toFixed(2)} (target 0.6)`)
  say(
    `GET /trips?status= (50 trips): ${Math.round(byStatus.perSecond)}/s, p99 ${byStatus.p99} ms; ratio to a single trip ` +
      `${byStatusRatio.toFixed(2)}; while 1,000 events/s come in ${Math.round(byStatusMoving.perSecond)}/s, p99 ${byStatusMoving.p99} ms`,
  )
  const share = (moving.perSecond / bare.perSecond).toFixed(2)
  say(`while 1,000 events/s come in: ${Math.round(moving.perSecond)}/s, p99 ${moving.p99} ms; ratio ${share}`)
  const rate = `${Math.round(eventsPerSecond)} events/s and ${Math.round(underLoad.perSecond)} requests/s`
  say(`at ${rate}: p50 ${underLoad.p50} ms, p99 ${underLoad.p99} ms, ${underLoad.failed} failed`)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
