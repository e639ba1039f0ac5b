import type { Serde } from '../../topology/index.ts'
import { formatHour } from '../time/format-instant.ts'
import type { Trip } from '../trip-state/trip.ts'
import { Waits } from './waits.ts'

/** Requested trips add it to their hour. A changed trip adds the difference, so numbers may be negative. */
export interface FunnelPart {
  readonly requested: number
  readonly accepted: number
  readonly started: number
  readonly completed: number
  readonly cancelled: number
  /** Times from request to acceptance that came, ms. */
  readonly gained: readonly number[]
  /** Times from request to acceptance that went, ms. */
  readonly lost: readonly number[]
}

/** A row of the store trip-funnel. Immutable. */
export interface Funnel {
  readonly requested: number
  readonly accepted: number
  readonly started: number
  readonly completed: number
  readonly cancelled: number
  /** Waits of all accepted trips, ms: percentiles by nearest rank need them all. */
  readonly waits: Waits
}

/** Value of topic analytics.trip_funnel. */
export interface TripFunnel {
  /** Start of the UTC hour of the requests, also the key: `2025-10-29T10:00:00Z`. */
  readonly hour: string
  readonly requested: number
  readonly accepted: number
  readonly started: number
  readonly completed: number
  readonly cancelled: number
  readonly medianSecondsToAccept: number | null
  readonly p95SecondsToAccept: number | null
}

export const EMPTY_FUNNEL: Funnel = {
  requested: 0,
  accepted: 0,
  started: 0,
  completed: 0,
  cancelled: 0,
  waits: Waits.NONE,
}

/** The hour a trip counts in, and with what: 1 for each stage that it has an event of; null until its request is known. */
export function hourAndFunnel(trip: Trip): readonly [hour: string, part: FunnelPart] | null {
  const { requested, accepted, started, completed, cancelled } = trip
  if (requested === null) return null
  const one = (event: object | null): number => (event === null ? 0 : 1)
  return [
    formatHour(requested.at),
    {
      requested: 1,
      accepted: one(accepted),
      started: one(started),
      completed: one(completed),
      cancelled: one(cancelled),
      gained: accepted === null ? NONE : [accepted.at - requested.at],
      lost: NONE,
    },
  ]
}

const NONE: readonly number[] = []

export function addToFunnel(funnel: Funnel, part: FunnelPart): Funnel {
  return counted(funnel, part, 1, funnel.waits.addAll(part.gained).removeAll(part.lost))
}

export function removeFromFunnel(funnel: Funnel, part: FunnelPart): Funnel {
  return counted(funnel, part, -1, funnel.waits.addAll(part.lost).removeAll(part.gained))
}

function counted(funnel: Funnel, part: FunnelPart, sign: 1 | -1, waits: Waits): Funnel {
  return {
    requested: funnel.requested + sign * part.requested,
    accepted: funnel.accepted + sign * part.accepted,
    started: funnel.started + sign * part.started,
    completed: funnel.completed + sign * part.completed,
    cancelled: funnel.cancelled + sign * part.cancelled,
    waits,
  }
}

export function tripFunnelOf(hour: string, funnel: Funnel): TripFunnel {
  const { waits, ...counts } = funnel
  return {
    hour,
    ...counts,
    medianSecondsToAccept: secondsAt(waits, 50),
    p95SecondsToAccept: secondsAt(waits, 95),
  }
}

/** Nearest rank: the smallest wait that at least `percent` of all are not above. */
function secondsAt(waits: Waits, percent: number): number | null {
  const wait = waits.at(Math.ceil((waits.length * percent) / 100) - 1)
  return wait === undefined ? null : wait / 1000
}

/**
 * `[requested, accepted, started, completed, cancelled, [first wait, then each one's distance to the one before]]`: two or
 * three bytes per accepted trip, so an hour of 300,000 still fits in a record.
 */
export const funnelSerde: Serde<Funnel> = {
  serialize(_topic, { requested, accepted, started, completed, cancelled, waits }) {
    return `[${requested},${accepted},${started},${completed},${cancelled},[${waits.steps}]]`
  },
  deserialize(_topic, bytes) {
    const [requested, accepted, started, completed, cancelled, steps] = JSON.parse(
      bytes.toString('latin1'),
    ) as FunnelRow
    let wait = 0
    const waits = steps.map((step) => {
      wait += step
      return wait
    })
    return { requested, accepted, started, completed, cancelled, waits: Waits.of(waits) }
  },
}

type FunnelRow = [number, number, number, number, number, number[]]
