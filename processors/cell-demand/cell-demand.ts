import { latLngToCell } from 'h3-js'
import {
  type DeviceClock,
  type Headers,
  jsonSerde,
  type KeptNumber,
  type KeyValueSpec,
  type KeyValueStore,
  type KStream,
  keyValueStore,
  NO_HEADERS,
  type Processor,
  type ProcessorContext,
  record,
  type Serde,
  type StreamRecord,
  type Topology,
} from '../../topology/index.ts'
import { outputHeaders } from '../events/correlation-headers.ts'
import { keySerde } from '../events/event-serde.ts'
import { driverClock } from '../events/trip-clock.ts'
import { formatEnd, formatSecond } from '../time/format-instant.ts'
import { CELL_DEMAND_STORE, CELL_DEMAND_TOPIC } from '../topics.ts'
import { driverOf, type Trip } from '../trip-state/trip.ts'
import type { TripStep } from '../trip-state/trip-steps.ts'

/** H3 resolution of the cells in which demand is counted. */
export const DEMAND_RESOLUTION = 7
const WINDOW_MS = 300_000
/** A phone in a tunnel is minutes late, not hours. Results come a quarter of an hour after their window began. */
const GRACE_MS = 600_000
/** Longer than the tasks of one application need to catch up one after the other. */
const SETTLE_MS = 10_000
const WINDOWS = 'cell-demand-windows'

/** Counts of a cell in a window. */
export interface Demand {
  readonly requests: number
  readonly completions: number
}

/** A change of demand on the repartition topic. */
export interface DemandChange extends Demand {
  /** The device whose clock timed the event (trip-clock.ts); null = unknown. */
  readonly device: string | null
}

/** Value of topic analytics.cell_demand. */
export interface CellDemand extends Demand {
  /** H3 index of resolution 7. */
  readonly cell: string
  /** `2025-10-29T10:05:00Z`, inclusive. */
  readonly windowStart: string
  /** Exclusive. */
  readonly windowEnd: string
}

const NOTHING: Demand = { requests: 0, completions: 0 }
const REQUEST: Demand = { requests: 1, completions: 0 }
const COMPLETION: Demand = { requests: 0, completions: 1 }

export function addDemand(a: Demand, b: Demand): Demand {
  return { requests: a.requests + b.requests, completions: a.completions + b.completions }
}

function negative({ requests, completions, device }: DemandChange): DemandChange {
  return { requests: -requests, completions: -completions, device }
}

/** The cell and time at which a trip counts. */
export interface CellTime {
  readonly cell: string
  readonly at: number
}

/** `[requests, completions, device]` */
export const demandSerde: Serde<DemandChange> = {
  serialize: (_topic, { requests, completions, device }) => JSON.stringify([requests, completions, device]),
  deserialize(_topic, bytes) {
    const row = JSON.parse(bytes.toString('utf8')) as [number, number, device?: string | null]
    const [requests, completions, device = null] = row
    return { requests, completions, device }
  },
}

/**
 * Turns steps of trips into additions to and subtractions from cells, each at the time of the event that counts. A correction
 * subtracts what the corrected event added; each of the two is late or in time on its own, since a closed window is final.
 */
class DemandChanges implements Processor<string, TripStep, string, DemandChange> {
  #context!: ProcessorContext<string, DemandChange>

  init(context: ProcessorContext<string, DemandChange>): void {
    this.#context = context
  }

  process({ key: tripId, value: { before, after }, headers }: StreamRecord<string, TripStep>): void {
    // A cell is computed only where it may have changed: it costs as much as everything else here.
    if (before.requested !== after.requested)
      this.#move(requestPlace(before), requestPlace(after), { ...REQUEST, device: tripId }, headers)
    if (after.completed === null) return
    const driver = driverClock(tripId, driverOf(after))
    this.#move(completionPlace(before), completionPlace(after), { ...COMPLETION, device: driver }, headers)
  }

  #move(from: CellTime | null, to: CellTime | null, what: DemandChange, headers: Headers): void {
    if (from !== null && to !== null && isSameWindow(from, to)) return
    if (from !== null) this.#send(from, negative(what), headers)
    if (to !== null) this.#send(to, what, headers)
  }

  #send({ cell, at }: CellTime, change: DemandChange, headers: Headers): void {
    // Kafka has no records from before 1970.
    if (at < 0) this.#context.drop('negative-timestamp')
    else this.#context.forward(record(cell, change, at, headers))
  }
}

function requestPlace({ requested }: Trip): CellTime | null {
  return requested === null ? null : { cell: pickupCell(requested.pickup), at: requested.at }
}

/** A completion counts where the trip was requested, and not before that is known. */
function completionPlace({ requested, completed }: Trip): CellTime | null {
  return requested === null || completed === null ? null : { cell: pickupCell(requested.pickup), at: completed.at }
}

function pickupCell({ lat, lng }: { readonly lat: number; readonly lng: number }): string {
  return latLngToCell(lat, lng, DEMAND_RESOLUTION)
}

function isSameWindow(a: CellTime, b: CellTime): boolean {
  return a.cell === b.cell && Math.floor(a.at / WINDOW_MS) === Math.floor(b.at / WINDOW_MS)
}

/** A cell's count in one window: a row of the store cell-demand, whose key is `<windowStart>@<cell>`. */
export interface DemandRow extends Demand {
  readonly cell: string
  readonly start: number
  /** Greatest timestamp counted. */
  readonly at: number
}

/** Rows by `<windowStart>@<cell>`: the texts of times sort as times do. */
const windowsStore: KeyValueSpec = keyValueStore<string, DemandRow>({
  name: CELL_DEMAND_STORE,
  keySerde,
  valueSerde: jsonSerde(),
  immutableValues: true,
  // `late` tells verify how much the results may lack.
  keptNumbers: ['closed', 'late'],
})

/*
 * Counts by cell and window, and sends each window once, when its grace is over.
 *
 * Invariants:
 * 1. Windows close SETTLE_MS (clock) after the record that ends their grace: the tasks before the repartition topic catch up one after
 *    the other, and the first to be done would make everything of the others late.
 * 2. A window is closed by stream time: its end and grace have passed by the clocks of two devices (or in an idle tick).
 * 3. What belongs to a closed window is dropped and counted; `closed` is kept with the store, so it stays closed.
 */
class DemandWindows implements Processor<string, DemandChange, string, CellDemand> {
  #context!: ProcessorContext<string, CellDemand>
  #rows!: KeyValueStore<string, DemandRow>
  #closed!: KeptNumber
  /** Changes that came too late. */
  #late!: KeptNumber
  /** Stream time that was reached at least SETTLE_MS ago. */
  #settled = -1

  init(context: ProcessorContext<string, CellDemand>): void {
    this.#context = context
    this.#rows = context.store(CELL_DEMAND_STORE)
    this.#closed = context.keptNumber(CELL_DEMAND_STORE, 'closed')
    this.#late = context.keptNumber(CELL_DEMAND_STORE, 'late')
    context.schedule(SETTLE_MS, 'wall-clock-time', () => {
      this.#close(this.#settled)
      this.#settled = context.currentStreamTimeMs()
    })
    context.onIdleTick?.({
      due: () => this.#due(),
      tick: (streamTime) => this.#close(streamTime),
    })
  }

  process({ key: cell, value: change, timestamp }: StreamRecord<string, DemandChange>): void {
    const start = windowStartOf(timestamp)
    if (closesAt(start) <= this.#closed.value) {
      this.#context.drop('late')
      this.#late.advance(Math.max(0, this.#late.value) + 1)
      return
    }
    const key = `${formatSecond(start)}@${cell}`
    const row = this.#rows.get(key)
    const demand = addDemand(row ?? NOTHING, change)
    this.#rows.put(key, { ...demand, cell, start, at: Math.max(timestamp, row?.at ?? 0) })
  }

  /** Stream time at which the first window is over; +Infinity without windows. */
  #due(): number {
    for (const [, { start }] of this.#rows.all()) return closesAt(start)
    return Number.POSITIVE_INFINITY
  }

  #close(now: number): void {
    if (now <= this.#closed.value) return
    this.#closed.advance(now)
    const over: [string, DemandRow][] = []
    for (const [key, row] of this.#rows.all()) {
      if (closesAt(row.start) > now) break
      over.push([key, row])
    }
    for (const [key, { cell, start, at, requests, completions }] of over) {
      this.#rows.put(key, null)
      // Everything was subtracted: in another order of arrival the window would never have existed.
      if (requests === 0 && completions === 0) continue
      const value = cellDemandOf(cell, start, { requests, completions })
      this.#context.forward(record(`${cell}@${value.windowStart}`, value, at, NO_HEADERS))
    }
  }
}

/** Progress of a task of the windows, by the numbers kept with its store. */
export interface DemandProgress {
  /** Stream time up to which windows are closed; -1: none are. */
  readonly closed: number
  /** Changes that came too late. */
  readonly late: number
}

export function demandProgress(numbers: ReadonlyMap<string, number>): DemandProgress {
  return { closed: numbers.get('closed') ?? -1, late: numbers.get('late') ?? 0 }
}

/** Start of the window a time (epoch ms) falls into. */
export function windowStartOf(at: number): number {
  return at - (at % WINDOW_MS)
}

/** The counts that a trip adds, each with its cell and time. */
export function demandOf(trip: Trip): readonly (CellTime & { readonly demand: Demand })[] {
  const [request, completion] = [requestPlace(trip), completionPlace(trip)]
  return [
    ...(request === null ? [] : [{ ...request, demand: REQUEST }]),
    ...(completion === null ? [] : [{ ...completion, demand: COMPLETION }]),
  ]
}

export function cellDemandOf(cell: string, start: number, { requests, completions }: Demand): CellDemand {
  return { cell, windowStart: formatSecond(start), windowEnd: formatEnd(start + WINDOW_MS), requests, completions }
}

/** Stream time at which a window is over. */
export function closesAt(start: number): number {
  return start + WINDOW_MS + GRACE_MS
}

const demandClock: DeviceClock<string, DemandChange> = {
  deviceOf: (_cell, { device }) => device,
  timeOf: (_cell, _change, at) => at,
}

/** Steps of trips -> repartition by cell. */
export function demandByCell(steps: KStream<string, TripStep>): void {
  steps
    .process(() => new DemandChanges(), { name: 'cell-demand-changes' })
    .repartition({ name: CELL_DEMAND_STORE, keySerde, valueSerde: demandSerde, deviceClock: demandClock })
}

/**
 * Repartitioned steps -> windows cell-demand -> topic analytics.cell_demand. Outside of the DSL, which has no operator that holds
 * results back.
 */
export function connectCellDemand(topology: Topology): void {
  topology
    .addProcessor({
      name: WINDOWS,
      parents: [`${CELL_DEMAND_STORE}-repartition-source`],
      supplier: () => new DemandWindows(),
      holdsBack: CELL_DEMAND_STORE,
    })
    .addStateStore(windowsStore, [WINDOWS])
    .addSink<string, CellDemand>({
      name: 'cell-demand-sink',
      parents: [WINDOWS],
      topic: CELL_DEMAND_TOPIC,
      keySerde,
      valueSerde: jsonSerde<CellDemand>(),
      headers: outputHeaders(CELL_DEMAND_TOPIC),
    })
}
