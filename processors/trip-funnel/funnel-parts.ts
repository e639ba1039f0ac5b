import type { Serde, Sums } from '../../topology/index.ts'
import type { FunnelPart } from './trip-funnel.ts'

/** A sum of parts, changed in place. */
interface FunnelSum extends FunnelPart {
  requested: number
  accepted: number
  started: number
  completed: number
  cancelled: number
  readonly gained: number[]
  readonly lost: number[]
}

/** How changes of trips add up to one part for an hour. */
export const funnelParts: Sums<FunnelPart> = {
  none: (): FunnelSum => ({
    requested: 0,
    accepted: 0,
    started: 0,
    completed: 0,
    cancelled: 0,
    gained: [],
    lost: [],
  }),
  add(sum, part) {
    count(sum as FunnelSum, part, 1)
    move(part.gained, sum.lost as number[], sum.gained as number[])
    move(part.lost, sum.gained as number[], sum.lost as number[])
    return sum
  },
  subtract(sum, part) {
    count(sum as FunnelSum, part, -1)
    move(part.gained, sum.gained as number[], sum.lost as number[])
    move(part.lost, sum.lost as number[], sum.gained as number[])
    return sum
  },
}

function count(sum: FunnelSum, part: FunnelPart, sign: 1 | -1): void {
  sum.requested += sign * part.requested
  sum.accepted += sign * part.accepted
  sum.started += sign * part.started
  sum.completed += sign * part.completed
  sum.cancelled += sign * part.cancelled
}

/** Most changes of a trip leave its wait: the old value goes, the same one comes right behind it, and both are forgotten. */
function move(waits: readonly number[], from: number[], to: number[]): void {
  for (const wait of waits) {
    if (from.at(-1) === wait) from.pop()
    else to.push(wait)
  }
}

/** `[requested, accepted, started, completed, cancelled, [gained], [lost]]` */
export const funnelPartSerde: Serde<FunnelPart> = {
  serialize: (_topic, { requested, accepted, started, completed, cancelled, gained, lost }) =>
    JSON.stringify([requested, accepted, started, completed, cancelled, gained, lost] satisfies FunnelPartRow),
  deserialize(_topic, bytes) {
    const row = JSON.parse(bytes.toString('latin1')) as FunnelPartRow | OneTripRow
    if (row.length === 5) return oneTrip(row)
    const [requested, accepted, started, completed, cancelled, gained, lost] = row
    return { requested, accepted, started, completed, cancelled, gained, lost }
  },
}

type FunnelPartRow = [number, number, number, number, number, readonly number[], readonly number[]]

/** Version 0.1 sent the stages of one trip, and its wait. */
type OneTripRow = [accepted: number, started: number, completed: number, cancelled: number, waitMs: number | null]

function oneTrip([accepted, started, completed, cancelled, waitMs]: OneTripRow): FunnelPart {
  return { requested: 1, accepted, started, completed, cancelled, gained: waitMs === null ? [] : [waitMs], lost: [] }
}
