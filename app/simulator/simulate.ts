import type { Clock } from '../../runtime/index.ts'
import type { EventProducer } from '../events/event-producer.ts'
import type { RideSource, SimulatedEvent } from './simulated-event.ts'

export interface SimulateOptions {
  readonly source: RideSource
  readonly producer: EventProducer
  readonly clock: Clock
  /** Events per second; null (default): no limit. */
  readonly rate?: number | null
  /** Simulated seconds per second; null (default): no limit. */
  readonly speed?: number | null
  /** So many events of the source went out earlier. Default 0. */
  readonly from?: number
  /** Ends the simulation early, without an error. */
  readonly signal?: AbortSignal
  /** Called about every second and at the end, with everything it counts acknowledged; waited for. */
  readonly onProgress?: (progress: SimulationProgress) => void | Promise<void>
}

export interface SimulationProgress {
  /** Number of the source's events, including those before `from`. */
  readonly events: number
  /** Sent by this call. */
  readonly sent: number
  /** Among those sent: records that are no valid events. */
  readonly invalid: number
  /** Rides that have begun, of `source.rides`. */
  readonly rides: number
  /** Simulated time reached, epoch ms; null before the first event. */
  readonly at: number | null
  /** The source has no more events. */
  readonly finished: boolean
}

/** Most events between two checks of clock, room and signal. */
const SLICE = 500
const TICK_MS = 10
const PROGRESS_MS = 1000

/**
 * Sends the events of a source, at the asked pace, and answers how far it came. The same source and `from` send the
 * same events, ids included: sent twice, they change nothing. Throws what the producer throws.
 */
export async function simulate(options: SimulateOptions): Promise<SimulationProgress> {
  const { source, producer, clock, signal } = options
  const rate = options.rate ?? null
  const speed = options.speed ?? null
  const from = options.from ?? 0
  const stream = source.events()[Symbol.iterator]()
  let next = await skip(stream, from, clock)
  const begunAt = clock.monotonic()
  const firstAt = next.done ? 0 : next.value.releaseAt
  const counts = { sent: 0, invalid: 0, rides: 0, at: null as number | null }
  const progress = (): SimulationProgress => ({ ...counts, events: from + counts.sent, finished: next.done === true })

  let toldAt = begunAt
  while (!next.done && signal?.aborted !== true) {
    const elapsed = clock.monotonic() - begunAt
    const allowed = rate === null ? SLICE : Math.min(SLICE, Math.floor((elapsed / 1000) * rate) + 1 - counts.sent)
    const until = speed === null ? Number.POSITIVE_INFINITY : firstAt + elapsed * speed
    let done = 0
    while (!next.done && done < allowed && next.value.releaseAt <= until) {
      if (send(producer, next.value)) counts.invalid++
      counts.rides = next.value.rides
      counts.at = next.value.releaseAt
      counts.sent++
      done++
      next = stream.next()
    }
    await producer.ready()
    if (clock.monotonic() - toldAt >= PROGRESS_MS) {
      await producer.flush()
      await options.onProgress?.(progress())
      toldAt = clock.monotonic()
    }
    await (done < SLICE ? clock.sleep(TICK_MS) : clock.yield())
  }
  await producer.flush()
  const end = progress()
  await options.onProgress?.(end)
  return end
}

/** Sends one; true when it is no valid event. */
export function send(producer: EventProducer, { payload }: Pick<SimulatedEvent, 'payload'>): boolean {
  // Acknowledgements are waited for together, by ready() and flush().
  if (payload.kind === 'raw') void producer.sendUnchecked(payload)
  else void producer.sendEnvelope(payload.envelope)
  return payload.kind === 'raw'
}

async function skip(
  stream: Iterator<SimulatedEvent>,
  count: number,
  clock: Clock,
): Promise<IteratorResult<SimulatedEvent>> {
  let next = stream.next()
  for (let skipped = 0; skipped < count && !next.done; skipped++) {
    if (skipped % 10_000 === 0) await clock.yield()
    next = stream.next()
  }
  return next
}
