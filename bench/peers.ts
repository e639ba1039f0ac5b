import { ALL_PROCESSORS } from '../processors/processor-names.ts'
import type { Peer, PeerOptions, RunningPeer } from './peer.ts'
import { buildKafkaStreamsPeer, startKafkaStreamsPeer } from './peers/kafka-streams.ts'
import { startRideStreams } from './peers/ride-streams.ts'

type Start = (options: PeerOptions) => Promise<RunningPeer>

/** Kafka Streams is tuned by hand, written as its documentation advises (plain), or has the transactional stores of 4.4. */
const STARTS: Readonly<Record<string, Start>> = {
  'ride-streams': (options) => startRideStreams(options),
  'ride-streams-all': (options) => startRideStreams(options, ALL_PROCESSORS),
  'kafka-streams': startKafkaStreamsPeer,
  'kafka-streams-plain': (options) => startKafkaStreamsPeer({ ...options, style: 'plain' }),
  'kafka-streams-transactional': (options) => startKafkaStreamsPeer({ ...options, transactionalStores: true }),
}

/** Every program that the bench can run, each with one thread and with two. */
export const PEERS: readonly Peer[] = Object.entries(STARTS).flatMap(([name, start]) =>
  [1, 2].map((threads) => ({ name, threads, start })),
)

export function peerId({ name, threads }: Pick<Peer, 'name' | 'threads'>): string {
  return `${name}-${threads}`
}

/** The peers with these ids, ready to start. @param ids separated by commas */
export async function chosenPeers(ids: string): Promise<readonly Peer[]> {
  const chosen = PEERS.filter((peer) => ids.split(',').includes(peerId(peer)))
  if (chosen.some(({ name }) => name.startsWith('kafka-streams'))) await buildKafkaStreamsPeer()
  return chosen
}

/** Results by peer. Peers take turns: the machine's slow minutes hit them all. */
export async function inTurns<R>(
  peers: readonly Peer[],
  rounds: number,
  measure: (peer: Peer, round: number) => Promise<R>,
): Promise<ReadonlyMap<string, readonly R[]>> {
  const measured = new Map<string, R[]>(peers.map((peer) => [peerId(peer), []]))
  for (let round = 1; round <= rounds; round++) {
    for (const peer of peers) measured.get(peerId(peer))?.push(await measure(peer, round))
  }
  return measured
}
