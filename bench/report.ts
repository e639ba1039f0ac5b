import { cpus } from 'node:os'
import Table from 'cli-table3'
import type { PeerResult } from './measure-peer.ts'
import { medianBy } from './median.ts'
import { peerId } from './peers.ts'

const OURS = 'ride-streams'

/** The round in the middle by speed, with the latencies of the last round. */
function medianRound(rounds: readonly PeerResult[]): PeerResult {
  return { ...medianBy(rounds, ({ perSecond }) => perSecond), latencies: rounds.at(-1)?.latencies ?? new Map() }
}

/** Every peer's median round as a table. */
export function peersTable(rounds: ReadonlyMap<string, readonly PeerResult[]>, floor: number, events: number): string {
  const table = new Table({
    head: [
      ...['peer', 'threads', 'events/s: median (rounds)', 'of floor', 'total s'],
      ...['CPU s', 'us/event', 'broker us/event', 'peak RSS MiB'],
    ],
    style: { head: [], border: [] },
  })
  for (const all of rounds.values()) {
    const { peer, perSecond, totalSeconds, cpuSeconds, brokerCpuSeconds, peakRssMiB } = medianRound(all)
    table.push([
      peer.name,
      peer.threads,
      `${Math.round(perSecond)} (${all.map((round) => Math.round(round.perSecond)).join(', ')})`,
      `${((perSecond / floor) * 100).toFixed(0)} %`,
      totalSeconds.toFixed(1),
      cpuSeconds.toFixed(1),
      ((cpuSeconds / events) * 1e6).toFixed(1),
      ((brokerCpuSeconds / events) * 1e6).toFixed(1),
      peakRssMiB,
    ])
  }
  const machine = `${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown CPU'}, Node ${process.version}`
  return `${events} events, ${machine}\nfloor: ${Math.round(floor)}/s\n${table.toString()}`
}

/** Milliseconds from send to arrival, by peer and rate; empty when none was measured. */
export function latencyTable(rounds: ReadonlyMap<string, readonly PeerResult[]>): string {
  const table = new Table({
    head: ['peer', 'threads', 'events/s in', 'p50 ms', 'p95 ms', 'p99 ms', 'p99.9 ms'],
    style: { head: [], border: [] },
  })
  for (const all of rounds.values()) {
    const { peer, latencies } = medianRound(all)
    for (const [rate, { p50, p95, p99, p999 }] of latencies) {
      table.push([peer.name, peer.threads, rate, ...[p50, p95, p99, p999].map((ms) => ms.toFixed(1))])
    }
  }
  return table.length === 0 ? '' : table.toString()
}

/** How many times a peer's events per second ours are, by `<ours>/<other>`, threads alike; the whole application against our core too. */
export function ratios(rounds: ReadonlyMap<string, readonly PeerResult[]>): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  const medians = [...rounds.values()].map(medianRound)
  for (const { peer, perSecond } of medians) {
    if (peer.name === OURS) continue
    const ours = medians.find((one) => one.peer.name === OURS && one.peer.threads === peer.threads)
    if (ours === undefined) continue
    if (peer.name.startsWith(OURS)) found.set(`${peerId(peer)}/${peerId(ours.peer)}`, perSecond / ours.perSecond)
    else found.set(`${peerId(ours.peer)}/${peerId(peer)}`, ours.perSecond / perSecond)
  }
  const [one, two] = [1, 2].map((threads) => medians.find(({ peer }) => peerId(peer) === `${OURS}-${threads}`))
  if (one !== undefined && two !== undefined) found.set(`${OURS}-2/${OURS}-1`, two.perSecond / one.perSecond)
  return found
}
