import type { Clock } from '../../runtime/index.ts'
import type { EventProducer } from '../events/event-producer.ts'
import { type LiveRidesOptions, liveRides, UnderWay } from './live-rides.ts'
import { Random } from './random.ts'
import { send } from './simulate.ts'

export interface SimulateLiveOptions extends Omit<LiveRidesOptions, 'startAt'> {
  readonly producer: EventProducer
  readonly clock: Clock
  /** Ends the rides, and the simulation. */
  readonly signal: AbortSignal
  /** Called about every second and at the end, with everything it counts acknowledged; waited for. */
  readonly onProgress?: (progress: LiveProgress) => void | Promise<void>
}

export interface LiveProgress {
  readonly sent: number
  /** Among those sent: records that are no valid events. */
  readonly invalid: number
  /** Rides that were requested. */
  readonly rides: number
}

const TICK_MS = 10
const PROGRESS_MS = 1000
/** Most events between two looks at the signal. */
const EVENTS_AT_ONCE = 1000
/** A computer that slept, or brokers that were away: events of before would no longer be stamped now. */
const MOST_BEHIND_MS = 30_000

/**
 * Rides of this moment, until the signal: each event goes out at its time. Whoever has fallen behind by half a minute
 * begins again with new rides. At the end open trips are cancelled and drivers go offline. Throws what the producer throws.
 */
export async function simulateLive(options: SimulateLiveOptions): Promise<LiveProgress> {
  const { signal, clock } = options
  const counts = { sent: 0, invalid: 0, rides: 0 }
  while (!signal.aborted) {
    const startAt = clock.now()
    await liveDay(options, startAt, counts)
  }
  await options.producer.flush()
  await options.onProgress?.({ ...counts })
  return counts
}

async function liveDay(
  { producer, clock, signal, onProgress, ...rest }: SimulateLiveOptions,
  startAt: number,
  counts: { sent: number; invalid: number; rides: number },
): Promise<void> {
  const underWay = new UnderWay()
  const ridesBefore = counts.rides
  let toldAt = clock.monotonic()
  const pause = async (wait: Promise<void>): Promise<void> => {
    await wait
    await producer.ready()
    if (clock.monotonic() - toldAt < PROGRESS_MS) return
    await producer.flush()
    await onProgress?.({ ...counts })
    toldAt = clock.monotonic()
  }
  const planning = async (): Promise<boolean> => {
    await clock.yield()
    return !signal.aborted
  }
  // Planning may take longer than MOST_BEHIND_MS, and would again: what it has delayed still goes out.
  let hasCaughtUp = false
  let unbroken = 0
  for (const event of await liveRides({ ...rest, startAt }, planning)) {
    while (!signal.aborted && event.releaseAt > clock.now()) {
      hasCaughtUp = true
      unbroken = 0
      await pause(clock.sleep(TICK_MS))
    }
    if (++unbroken % EVENTS_AT_ONCE === 0) await pause(clock.yield())
    if (signal.aborted || (hasCaughtUp && clock.now() - event.releaseAt > MOST_BEHIND_MS)) break
    if (send(producer, event)) counts.invalid++
    counts.sent++
    underWay.add(event.payload)
    counts.rides = ridesBefore + underWay.rides
  }
  const ids = new Random(rest.seed, startAt)
  for (const payload of underWay.ending(clock.now(), ids)) {
    send(producer, { payload })
    counts.sent++
  }
}
