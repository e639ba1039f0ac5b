import { type Command, InvalidArgumentError, Option } from 'commander'
import type { RideSource } from '../../app/simulator/simulated-event.ts'
import { counted } from '../../state/index.ts'
import { type DataOptions, duration, newDataCommand, positiveNumber, wholeNumber } from '../command.ts'

export interface SimulateOptions extends DataOptions {
  readonly source: 'nyc' | 'synthetic'
  /** Events per second; Infinity: as fast as the brokers take them. */
  readonly rate?: number
  readonly speed?: number
  readonly trips?: number
  readonly drivers?: number
  readonly seed: number
  readonly live?: true
  /** Milliseconds. */
  readonly for?: number
}

export function simulateCommand(): Command {
  return newDataCommand('simulate', 'produce rides into the input topics of KAFKA_BROKERS')
    .addOption(
      new Option('--source <source>', 'recorded New York rides of March 2019, or made up ones')
        .choices(['nyc', 'synthetic'])
        .default('nyc'),
    )
    .option('--rate <rate>', 'events per second: N/s, or max', parseRate)
    .option('--speed <factor>', 'event seconds per second (1 = real time); without it and --rate: max', positiveNumber)
    .option('--trips <n>', 'stop after so many trips (default: nyc all of them, synthetic 1000)', wholeNumber(1, 1e9))
    .option('--drivers <n>', 'size of the fleet', wholeNumber(1, 1e6))
    .option('--seed <n>', 'the same seed makes the same events', wholeNumber(0, 2 ** 32 - 1), 1)
    .addOption(
      new Option(
        '--live',
        'rides of this moment, which never end: some 30 events per second with 150 drivers',
      ).conflicts(['source', 'rate', 'speed', 'trips']),
    )
    .option('--for <duration>', 'stop after that time (ISO 8601, like PT10M, at most P24D)', parseTimeout)
    .action(simulate)
}

/** Milliseconds. A timer waits for 24.8 days at most, and rings at once when it is given more. */
function parseTimeout(text: string): number {
  const ms = duration(text)
  if (ms > MOST_DAYS * 86_400_000) throw new InvalidArgumentError(`Expected at most ${MOST_DAYS} days, P${MOST_DAYS}D.`)
  return ms
}

const MOST_DAYS = 24

/** `500/s`, `500` or `max`. */
function parseRate(text: string): number {
  // Not null: commander makes an empty text of it.
  if (text === 'max') return Number.POSITIVE_INFINITY
  const match = /^(\d+(?:\.\d+)?)(?:\/s)?$/.exec(text)
  const rate = Number(match?.[1])
  if (match === null || rate <= 0) throw new InvalidArgumentError('Expected N/s or max.')
  return rate
}

async function simulate(options: SimulateOptions): Promise<void> {
  const { loadRideConfig } = await import('../../app/config/ride-config.ts')
  const { kafkaConnection } = await import('../../infra/config/index.ts')
  const { runLiveSimulation, runSimulation } = await import('../../app/simulator/run-simulation.ts')
  const { withKafka } = await import('../kafka-clients.ts')
  const { printJson, printLine } = await import('../output.ts')
  const { progressBar } = await import('../progress.ts')
  const { onShutdown } = await import('../signals.ts')

  const config = loadRideConfig(process.env)
  const connection = kafkaConnection(config)
  const shutdown = onShutdown().signal
  const signal = options.for === undefined ? shutdown : AbortSignal.any([shutdown, AbortSignal.timeout(options.for)])
  const began = performance.now()
  if (options.live) {
    const { seed, drivers } = options
    const { sent, invalid, rides } = await withKafka(config, () =>
      runLiveSimulation({ connection, seed, ...(drivers && { drivers }), signal }),
    )
    print({ name: 'live', sent, invalid, rides })
    return
  }
  const source = await rideSource(options)
  const progress = progressBar('rides')
  const { sent, invalid, rides, finished } = await withKafka(config, () =>
    runSimulation({
      connection,
      source,
      rate: options.rate === Number.POSITIVE_INFINITY ? null : (options.rate ?? null),
      speed: options.speed ?? null,
      signal,
      onProgress: (now) => progress.update(now.rides, source.rides),
    }),
  ).finally(progress.stop)
  print({ name: source.name, sent, invalid, rides, finished })

  function print({ name, sent, invalid, rides, finished }: Sent): void {
    const seconds = (performance.now() - began) / 1000
    if (options.json) {
      printJson({ source: name, events: sent, invalid, rides, ...(finished !== undefined && { finished }), seconds })
      return
    }
    const rate = Math.round(sent / seconds)
    const stopped = finished === false ? ', stopped early' : ''
    printLine(
      `${counted(sent, 'event')} (${invalid} invalid) of ${counted(rides, 'ride')} in ${seconds.toFixed(1)} s, ${rate}/s${stopped}`,
    )
  }
}

interface Sent {
  readonly name: RideSource['name'] | 'live'
  readonly sent: number
  readonly invalid: number
  readonly rides: number
  /** Not told of live rides: they have no end. */
  readonly finished?: boolean
}

async function rideSource({ source, seed, trips, drivers }: SimulateOptions): Promise<RideSource> {
  const options = { seed, ...(trips && { trips }), ...(drivers && { drivers }) }
  if (source === 'nyc') return (await import('../../app/simulator/nyc-rides.ts')).nycRides(options)
  return (await import('../../app/simulator/synthetic-rides.ts')).syntheticRides(options)
}
