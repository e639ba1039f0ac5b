import { parseArgs } from 'node:util'
import { CLUSTER_FAULTS, FAULT_TYPES, type FaultType } from './fault-plan.ts'
import { CASES, casesOf } from './topologies/cases/index.ts'

export interface ChaosOptions {
  readonly minutes: number
  readonly seed: number
  readonly faults: readonly FaultType[]
  readonly brokers: number
  readonly instances: number
  readonly standbys: number
  readonly rate: number
  readonly sessionTimeoutMs: number
  /** A wait for a commit shorter than this is everyday life. */
  readonly calmMs: number
  /** Transaction timeout of Kafka Streams; null: its default. */
  readonly transactionTimeoutMs: number | null
  readonly roundMinutes: number
  readonly peer: 'ride-streams' | 'kafka-streams'
  /** Names of the topologies in topologies/cases; empty: the ride application. */
  readonly topologies: readonly string[]
  /** topologyOptimization of these topologies. */
  readonly optimization: 'none' | 'all'
  /** Environment of the instances. */
  readonly settings: Readonly<Record<string, string>>
}

export const USAGE = `npm run chaos -- [options]
  --minutes N        load and faults for so long (default 5)
  --seed S           of input and faults (default: the time)
  --faults LIST      of ${FAULT_TYPES.join(',')} (default kill,pause,broker,wipe)
  --brokers 1|3      (default 1)
  --instances M      (default 3)
  --standbys N       copies of each store (default 0)
  --rate R           events per second (default 1000)
  --session-ms T     session timeout (default 6000)
  --calm-ms T        a fault is over when no record waits so long for a commit (default 1000); more on a slow machine
  --round-minutes N  each round has brokers of its own and is judged by itself (default 5)
  --peer NAME        ride-streams or kafka-streams (default ride-streams)
  --topology NAMES   other topologies instead of the ride application: all, or some of
                     ${CASES.map(({ name }) => name).join(',')}
  --optimization O   of these topologies: none or all (default none)
  --settings LIST    of variables of the instances: STATE_BACKEND=rocksdb,NUM_STREAM_THREADS=2
  --transaction-ms T transaction timeout of Kafka Streams (default: its own, 10000)
Ctrl-C ends the faults: the round is drained and judged. Once more ends at once.`

/** A flood is one of invalid ride events; only the program of the topologies moves its threads. */
const OWN_FAULTS: Readonly<Record<'rides' | 'topologies', ReadonlySet<FaultType>>> = {
  rides: new Set(['flood']),
  topologies: new Set(['thread']),
}

export class UsageError extends Error {}

/** @throws UsageError */
export function chaosOptions(args: readonly string[]): ChaosOptions {
  const values = parsed(args)
  const number = (name: keyof typeof values, least: number): number => {
    const value = Number(values[name])
    if (!(value >= least)) throw new UsageError(`--${name} ${values[name]}: a number from ${least} on is wanted`)
    return value
  }
  const faults = values.faults.split(',').map((name) => {
    const type = FAULT_TYPES.find((one) => one === name)
    if (type === undefined) throw new UsageError(`--faults ${name}: one of ${FAULT_TYPES.join(', ')} is wanted`)
    return type
  })
  const brokers = number('brokers', 1)
  const homeless = faults.find((type) => CLUSTER_FAULTS.has(type))
  if (homeless !== undefined && brokers < 3) throw new UsageError(`--faults ${homeless} needs --brokers 3`)
  if (faults.includes('flip') && brokers > 1) throw new UsageError('--faults flip needs --brokers 1')
  const { peer } = values
  if (peer !== 'ride-streams' && peer !== 'kafka-streams') throw new UsageError(`--peer ${peer} is not known`)
  if (peer === 'kafka-streams' && faults.includes('clock')) throw new UsageError('--faults clock is for ride-streams')
  const transactionTimeoutMs = values['transaction-ms'] === '' ? null : number('transaction-ms', 1000)
  if (transactionTimeoutMs !== null && peer !== 'kafka-streams')
    throw new UsageError('--transaction-ms is for kafka-streams')
  const topologies = values.topology === '' ? [] : values.topology.split(',')
  try {
    casesOf(topologies)
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`--topology: ${error.message}`)
    throw error
  }
  if (topologies.length > 0 && peer !== 'ride-streams') throw new UsageError('--topology is for ride-streams')
  const { optimization } = values
  if (optimization !== 'none' && optimization !== 'all') throw new UsageError('--optimization: none or all is wanted')
  if (optimization === 'all' && topologies.length === 0) throw new UsageError('--optimization is for --topology')
  const own = faults.find((type) => OWN_FAULTS[topologies.length > 0 ? 'rides' : 'topologies'].has(type))
  if (own !== undefined) throw new UsageError(`--faults ${own} is ${topologies.length > 0 ? 'not ' : ''}for --topology`)
  return {
    minutes: number('minutes', 0.1),
    seed: number('seed', 0),
    faults,
    brokers,
    instances: number('instances', 1),
    standbys: number('standbys', 0),
    rate: number('rate', 1),
    sessionTimeoutMs: number('session-ms', 1000),
    calmMs: number('calm-ms', 100),
    transactionTimeoutMs,
    roundMinutes: number('round-minutes', 0.1),
    peer,
    topologies,
    optimization,
    settings: settingsOf(values.settings),
  }
}

function settingsOf(list: string): Readonly<Record<string, string>> {
  const pairs = list.split(',').filter((pair) => pair !== '')
  return Object.fromEntries(
    pairs.map((pair) => {
      const [, name, value] = /^([A-Z_]+)=(.+)$/.exec(pair) ?? []
      if (name === undefined || value === undefined) throw new UsageError(`--settings ${pair}: NAME=VALUE is wanted`)
      return [name, value]
    }),
  )
}

/** The command that repeats it. */
export function commandOf(options: ChaosOptions): string {
  const { minutes, seed, faults, brokers, instances, standbys, rate, sessionTimeoutMs, roundMinutes, peer } = options
  const { transactionTimeoutMs, topologies, optimization, calmMs } = options
  const settings = Object.entries(options.settings).map(([name, value]) => `${name}=${value}`)
  return [
    `npm run chaos -- --minutes ${minutes} --seed ${seed} --faults ${faults.join(',')} --brokers ${brokers}`,
    `--instances ${instances} --standbys ${standbys} --rate ${rate} --session-ms ${sessionTimeoutMs}`,
    `--calm-ms ${calmMs} --round-minutes ${roundMinutes} --peer ${peer}`,
    ...(topologies.length === 0 ? [] : [`--topology ${topologies.join(',')}`]),
    ...(optimization === 'none' ? [] : [`--optimization ${optimization}`]),
    ...(settings.length === 0 ? [] : [`--settings ${settings.join(',')}`]),
    ...(transactionTimeoutMs === null ? [] : [`--transaction-ms ${transactionTimeoutMs}`]),
  ].join(' ')
}

function parsed(args: readonly string[]) {
  const text = (fallback: string) => ({ type: 'string', default: fallback }) as const
  try {
    return parseArgs({
      args: [...args],
      options: {
        minutes: text('5'),
        seed: text(String(Math.floor(Date.now() / 1000) % 1_000_000)),
        faults: text('kill,pause,broker,wipe'),
        brokers: text('1'),
        instances: text('3'),
        standbys: text('0'),
        rate: text('1000'),
        'session-ms': text('6000'),
        'calm-ms': text('1000'),
        'round-minutes': text('5'),
        peer: text('ride-streams'),
        topology: text(''),
        optimization: text('none'),
        settings: text(''),
        'transaction-ms': text(''),
      },
    }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}
