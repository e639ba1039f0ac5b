import { parseArgs } from 'node:util'
import { PING_EVERY_MS } from './drivers.ts'

export interface LoadTestOptions {
  readonly seconds: number
  /** Trips that are requested at once. */
  readonly trips: number
  readonly drivers: number
  /** Events per second of the positions and of the trips that are not requested at once. */
  readonly rate: number
  readonly seed: number
  /** Seconds of the same load before it counts: a Kafka that was just started spends half of its CPU on compiling itself. */
  readonly warmUp: number
  /** File of the report. */
  readonly report: string
}

const REPORT = 'test/load-tests/STRESS_TEST_REPORT.md'
/** A request, an acceptance, a start and a completion. */
const EVENTS_PER_TRIP = 4

export const USAGE = `npm run load-test -- [options]
  --seconds N   how long the load runs (default 120)
  --trips N     trips that are requested at once (default 500)
  --drivers N   drivers of the city; each tells its position every ${PING_EVERY_MS / 1000} s (default 500)
  --rate R      events per second of the positions and of all other trips (default 240)
  --seed S      of places and durations (default 1)
  --warm-up N   seconds of the same load before it counts, for brokers that were just started (default 60)
  --report FILE (default ${REPORT})
Exit code 1 when an event was lost or counted twice. Figures alone never fail the run.`

export class UsageError extends Error {}

/** @throws UsageError */
export function loadTestOptions(args: readonly string[]): LoadTestOptions {
  const values = parsed(args)
  const number = (name: 'seconds' | 'trips' | 'drivers' | 'rate' | 'seed' | 'warm-up', least: number): number => {
    const value = Number(values[name])
    if (!(value >= least && Number.isFinite(value))) {
      throw new UsageError(`--${name} ${values[name]}: a number from ${least} on is wanted`)
    }
    return value
  }
  const options = {
    seconds: number('seconds', 10),
    trips: number('trips', 1),
    drivers: number('drivers', 1),
    rate: number('rate', 1),
    seed: number('seed', 0),
    warmUp: number('warm-up', 0),
    report: values.report,
  }
  if (requestsPerSecond(options) <= 0) {
    throw new UsageError(`--rate ${options.rate}: the drivers alone make ${pingsPerSecond(options)}/s`)
  }
  return options
}

/** New requests per second that bring positions and trips to the wanted rate. */
export function requestsPerSecond(options: Pick<LoadTestOptions, 'drivers' | 'rate'>): number {
  return (options.rate - pingsPerSecond(options)) / EVENTS_PER_TRIP
}

function pingsPerSecond({ drivers }: Pick<LoadTestOptions, 'drivers'>): number {
  return (drivers * 1000) / PING_EVERY_MS
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        seconds: { type: 'string', default: '120' },
        trips: { type: 'string', default: '500' },
        drivers: { type: 'string', default: '500' },
        rate: { type: 'string', default: '240' },
        seed: { type: 'string', default: '1' },
        'warm-up': { type: 'string', default: '60' },
        report: { type: 'string', default: REPORT },
      },
    }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}
