import { latLngToCell } from 'h3-js'
import { NO_HEADERS } from '../state/ports/headers.ts'
import type { Serde } from '../state/ports/serde.ts'
import type { KStream } from '../topology/dsl/types.ts'
import type { Processor, ProcessorContext } from '../topology/processor.ts'
import { record, type StreamRecord } from '../topology/record.ts'
import { jsonSerde } from '../topology/serdes.ts'
import { timeWindows } from '../topology/windows.ts'
import { outputHeaders } from './events/correlation-headers.ts'
import { keySerde } from './events/event-serde.ts'
import { formatSecond } from './time/format-instant.ts'
import { CELL_DEMAND_STORE, CELL_DEMAND_TOPIC } from './topics.ts'
import type { Trip } from './trip.ts'
import type { TripStep } from './trip-steps.ts'

const RESOLUTION = 7
const WINDOW_MS = 300_000
/** A phone in a tunnel is minutes late, not hours; results are out a quarter of an hour after their window began. */
const GRACE_MS = 600_000

/** What the store cell-demand holds of a cell and window, and a change of it on the repartition topic. */
export interface Demand {
  readonly requests: number
  readonly completions: number
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

function negative({ requests, completions }: Demand): Demand {
  return { requests: -requests, completions: -completions }
}

/** Where and when something counts. */
interface Place {
  readonly cell: string
  readonly at: number
}

/** `[requests, completions]` */
const demandSerde: Serde<Demand> = {
  serialize: (_topic, { requests, completions }) => JSON.stringify([requests, completions]),
  deserialize(_topic, bytes) {
    const [requests, completions] = JSON.parse(bytes.toString('latin1')) as [number, number]
    return { requests, completions }
  },
}

/**
 * Turns steps of trips into what they add to cells and take away, each at the time of the event that counts. A correction takes
 * back what the corrected event added; both are late or in time on their own, since a closed window is final.
 */
class DemandChanges implements Processor<string, TripStep, string, Demand> {
  #context!: ProcessorContext<string, Demand>

  init(context: ProcessorContext<string, Demand>): void {
    this.#context = context
  }

  process({ value: { before, after }, headers }: StreamRecord<string, TripStep>): void {
    this.#move(requestPlace(before), requestPlace(after), REQUEST, headers)
    this.#move(completionPlace(before), completionPlace(after), COMPLETION, headers)
  }

  #move(from: Place | null, to: Place | null, what: Demand, headers: StreamRecord<string, TripStep>['headers']): void {
    if (from !== null && to !== null && isSameWindow(from, to)) return
    if (from !== null) this.#send(from, negative(what), headers)
    if (to !== null) this.#send(to, what, headers)
  }

  #send({ cell, at }: Place, demand: Demand, headers: StreamRecord<string, TripStep>['headers']): void {
    // Kafka has no records from before 1970.
    if (at < 0) this.#context.drop('negative-timestamp')
    else this.#context.forward(record(cell, demand, at, headers))
  }
}

function requestPlace({ requested }: Trip): Place | null {
  return requested === null ? null : { cell: pickupCell(requested.pickup), at: requested.at }
}

/** A completion counts where the trip was requested, and not before that is known. */
function completionPlace({ requested, completed }: Trip): Place | null {
  return requested === null || completed === null ? null : { cell: pickupCell(requested.pickup), at: completed.at }
}

function pickupCell({ lat, lng }: { readonly lat: number; readonly lng: number }): string {
  return latLngToCell(lat, lng, RESOLUTION)
}

function isSameWindow(a: Place, b: Place): boolean {
  return a.cell === b.cell && Math.floor(a.at / WINDOW_MS) === Math.floor(b.at / WINDOW_MS)
}

/** Steps of trips -> repartition by cell -> windows cell-demand -> topic analytics.cell_demand, one final row each. */
export function buildCellDemand(steps: KStream<string, TripStep>): void {
  steps
    .process(() => new DemandChanges(), { name: 'cell-demand-changes' })
    .groupByKey({ name: CELL_DEMAND_STORE, keySerde, valueSerde: demandSerde })
    .windowedBy(timeWindows({ sizeMs: WINDOW_MS, graceMs: GRACE_MS }))
    .emitStrategy('on-window-close')
    .aggregate<Demand>({
      name: 'cell-demand-fold',
      initializer: () => NOTHING,
      aggregator: (_cell, change, demand) => addDemand(demand, change),
      materialized: { name: CELL_DEMAND_STORE, keySerde, valueSerde: demandSerde },
    })
    .toStream({ name: 'cell-demand-final' })
    // Everything was taken back: in another order of arrival the window would never have been.
    .filter((_key, demand) => demand !== null && (demand.requests !== 0 || demand.completions !== 0), {
      name: 'cell-demand-filled',
    })
    .map(
      ({ key: cell, window }, demand) => {
        const windowStart = formatSecond(window.start)
        const row = { cell, windowStart, windowEnd: formatSecond(window.end), ...(demand ?? NOTHING) }
        return [`${cell}@${windowStart}`, row satisfies CellDemand]
      },
      { name: 'cell-demand-view' },
    )
    .to(CELL_DEMAND_TOPIC, {
      name: 'cell-demand-sink',
      keySerde,
      valueSerde: jsonSerde<CellDemand>(),
      // The record that closes a window has nothing to do with what is in it: its correlation-id stays behind.
      headers: () => HEADERS,
    })
}

const HEADERS = outputHeaders(CELL_DEMAND_TOPIC)(NO_HEADERS)
