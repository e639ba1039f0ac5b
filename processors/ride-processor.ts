import {
  type KStream,
  type KTable,
  type ReplayRule,
  type Serde,
  type StreamsBuilder,
  StreamsTopologyError,
  type Sums,
  type Sync,
  type Topology,
} from '../topology/index.ts'
import type { TripEvent } from './events/ride-event.ts'
import type { Trip } from './trip-state/trip.ts'
import type { TripStep } from './trip-state/trip-steps.ts'

/** One processor of the application. Everything that the application knows of it is derived from this. */
export interface RideProcessor<Name extends string = string> {
  /** The name in PROCESSORS. */
  readonly name: Name
  /** The processors it stands on: without them it cannot run. */
  readonly needs: readonly string[]
  /** A processor that must be built later than this one: most often, it changes a store that this one reads before the change. */
  readonly buildsBefore?: string
  /** Its output topic; null: it writes none. */
  readonly output: RideOutput | null
  /** The stores it owns, each with the rule by which a replay corrects its rows. */
  readonly stores: Readonly<Record<string, ReplayRule>>
  /** It reads `rides.steps`. */
  readonly readsSteps?: true
  /** Its stores go by the stream time of trips: devices' clocks must not spoil it (trip-clock.ts). */
  readonly readsTripTime?: true
  /** Its windows close by the clock when the input is quiet for so long, ms (docs/idle-windows.md). */
  readonly closesWhenIdleMs?: number
  /** It reads all rows of the store driver-cells when its task begins. */
  readonly scansDrivers?: true
  /** Adds the processor to the topology. */
  readonly build: (rides: RideStreams) => void
  /** Connects what the DSL cannot express, once all processors are built. */
  readonly connect?: (topology: Topology) => void
  /** How `verify` computes its stores again: sums over trips by these rules, by a fold of their own in app/verify, or not at all. */
  readonly fold: AnyTripSums | 'own' | null
  /** Markdown for docs/events.md. */
  readonly docs: string
}

export interface RideOutput {
  readonly topic: string
  readonly key: string
  /** A count, or the topic whose count it follows. */
  readonly partitions: number | { readonly sameAs: string }
  /** Keep each key's last row for ever, or each record for OUTPUT_RETENTION_MS. */
  readonly kept: 'last-rows' | 'for-retention'
  /** The meaning of one record, in a line. */
  readonly meaning: string
  readonly rule: ReplayRule
}

/** The streams and settings that processors build on. */
export interface RideStreams {
  readonly builder: StreamsBuilder
  readonly h3Resolution: number
  /** A processor that runs reads all rows of driver-cells. */
  readonly scansDrivers: boolean
  readonly driverTtlMs: number
  readonly tripHistoryRetentionMs: number
  /** Events of trips; null unless trip-state runs. */
  readonly events: KStream<string, TripEvent> | null
  /** Steps of trips; null unless a running processor reads them. */
  readonly steps: KStream<string, TripStep> | null
  /** The table of trip-state; null until it is built. */
  trips: KTable<string, Trip> | null
}

/**
 * Returns a stream that `name` reads. @throws StreamsTopologyError when it does not exist: the processor lacks a need, or is
 * built too early
 */
export function needed<T>(stream: T | null, name: string): T {
  if (stream === null) throw new StreamsTopologyError(`${name} reads a stream that is not there`)
  return stream
}

/** How trips add up to totals. */
export interface TripSums<Total extends object, Part extends NonNullable<unknown>, View extends object> {
  /** The name of the store and of its repartition topic. */
  readonly store: string
  /** The output topic. */
  readonly output: string
  /** The total for which a trip counts, and its part in it. The parts of several trips add up to one. */
  readonly partOf: (trip: Trip) => readonly [key: string, part: Part] | null
  readonly add: (total: Total, part: Part) => Total
  readonly remove: (total: Total, part: Part) => Total
  readonly parts: Sums<Part>
  readonly empty: Sync<Total>
  /** True when a total, or the value that shows it, counts no trip. */
  readonly isEmpty: (sum: Total | View) => boolean
  readonly totalSerde: Serde<Total>
  readonly partSerde: Serde<Part>
  readonly view: (key: string, total: Total) => Sync<View>
}

/** Sums of any kind: a caller passes to `use` a function that works for every kind. */
export type AnyTripSums = {
  readonly use: <R>(
    read: <Total extends object, Part extends NonNullable<unknown>, View extends object>(
      sums: TripSums<Total, Part, View>,
    ) => R,
  ) => R
}
