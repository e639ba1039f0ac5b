/*
 * npm run bench:restore [-- --events N --rounds N --peers ride-streams-1,kafka-streams-1]
 *
 * How long a start takes. In every round each peer processes the input once, then starts with an empty disk (all changelogs are restored),
 * is killed with -9, and starts on its own disk. The table shows medians over the rounds; only ratios of one run compare over machines.
 */
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { startBenchCluster } from './cluster.ts'
import { medianBy } from './median.ts'
import { chosenPeers, inTurns, peerId } from './peers.ts'
import { measureRestore, type RestoreResult } from './restore-peer.ts'

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' },
    peers: { type: 'string', default: 'ride-streams-1,ride-streams-all-1,kafka-streams-1' },
  },
})
const events = Number(values.events)

say(`loading ${events} events`)
const chosen = await chosenPeers(values.peers)
const cluster = await startBenchCluster(events)
try {
  const measured = await inTurns(chosen, Number(values.rounds), async (peer, round) => {
    const result = await measureRestore(peer, cluster, events)
    say(`round ${round}, ${peerId(peer)}: ${row(figures([result])).join(', ')}`)
    return result
  })
  report(measured)
} finally {
  await cluster.stop()
}

/** Medians, each over all rounds on its own. */
interface Figures {
  readonly records: number
  readonly perSecond: number
  readonly wiped: number
  readonly wipedCpu: number
  readonly killed: number
  readonly killedCpu: number
}

function figures(rounds: readonly RestoreResult[]): Figures {
  const median = (of: (round: RestoreResult) => number): number => of(medianBy(rounds, of))
  return {
    records: median(({ records }) => records),
    perSecond: median(({ records, restoreSeconds }) => records / restoreSeconds),
    wiped: median(({ wiped }) => wiped.seconds),
    wipedCpu: median(({ wiped }) => wiped.cpuSeconds),
    killed: median(({ killed }) => killed.seconds),
    killedCpu: median(({ killed }) => killed.cpuSeconds),
  }
}

function row({ records, perSecond, wiped, wipedCpu, killed, killedCpu }: Figures): string[] {
  const seconds = [wiped, wipedCpu, killed, killedCpu].map((value) => value.toFixed(2))
  return [String(records), String(Math.round(perSecond)), ...seconds]
}

function report(measured: ReadonlyMap<string, readonly RestoreResult[]>): void {
  const table = new Table({
    head: ['peer', 'changelog records', 'restored/s', 'wiped: s', 'CPU s', 'killed: s', 'CPU s'],
    style: { head: [], border: [] },
  })
  const medians = [...measured].map(([id, rounds]) => [id, figures(rounds)] as const)
  for (const [id, found] of medians) table.push([id, ...row(found)])
  say(table.toString())
  const [ours, theirs] = ['ride-streams-1', 'kafka-streams-1'].map((id) => medians.find(([one]) => one === id)?.[1])
  if (ours === undefined || theirs === undefined) return
  say(`restored per second, ours to theirs: ${(ours.perSecond / theirs.perSecond).toFixed(2)}`)
  say(`seconds to ready with an empty disk, theirs to ours: ${(theirs.wiped / ours.wiped).toFixed(2)}`)
  say(`seconds to ready after kill -9, theirs to ours: ${(theirs.killed / ours.killed).toFixed(2)}`)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
