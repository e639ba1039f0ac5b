import { ALL_PROCESSORS } from '../processors/processor-names.ts'
import type { Peer, PeerOptions, RunningPeer } from './peer.ts'
import { startKafkaStreamsPeer } from './peers/kafka-streams.ts'
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
