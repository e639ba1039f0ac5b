import { cellToParent, latLngToCell } from 'h3-js'
import type { Serde } from '../../topology/index.ts'
import type { Mark } from '../events/ride-event.ts'
import type { Point } from '../geo/great-circle.ts'
import type { Place } from '../trip-state/trip.ts'

/*
 * Messages to the index of available drivers, keyed by area. An area is an H3 cell of resolution 6 (36 km², about 25 to
 * a big city): fine enough to spread one city over all partitions, coarse enough that a request asks 7 of them or so.
 * Within an area drivers are sorted by cells of resolution 7.
 */

/** Areas decide the partition, so their number is that of the index's tasks; both topics must agree on it. */
export const INDEX_PARTITIONS = 6
export const CELL_RESOLUTION = 7
const AREA_RESOLUTION = 6

/** An available driver is there now. */
export interface DriverHere extends Point {
  readonly type: 'here'
  readonly cell: string
  readonly driverId: string
  /** Time of the event, epoch ms. */
  readonly at: number
}

/** The driver left the cell, or is not available any more. */
export interface DriverGone {
  readonly type: 'gone'
  readonly cell: string
  readonly driverId: string
}

/** A request's question to one area. */
export interface AreaQuestion {
  readonly type: 'question'
  readonly tripId: string
  /** The trip.requested event. */
  readonly request: Mark
  /** Whether the trip was requested before. */
  readonly isRepeated: boolean
  readonly pickup: Place
  /** The cells of this area to look at, nearest first. */
  readonly cells: readonly string[]
  /** How many areas are asked in all. */
  readonly areas: number
}

export type IndexInput = DriverHere | DriverGone | AreaQuestion

export function cellAt({ lat, lng }: Point): string {
  return latLngToCell(lat, lng, CELL_RESOLUTION)
}

export function areaOf(cell: string): string {
  return cellToParent(cell, AREA_RESOLUTION)
}

type Row =
  | [type: 'here', cell: string, driverId: string, at: number, lat: number, lng: number]
  | [type: 'gone', cell: string, driverId: string]
  | [
      type: 'question',
      tripId: string,
      at: number,
      sub: string,
      eventId: string,
      isRepeated: boolean,
      lat: number,
      lng: number,
      address: string | null,
      cells: readonly string[],
      areas: number,
    ]

/** JSON arrays by position: every position of an available driver is one. */
export const indexInputSerde: Serde<IndexInput> = {
  serialize: (_topic, input) => JSON.stringify(rowOf(input)),
  deserialize: (_topic, bytes) => inputOf(JSON.parse(bytes.toString('utf8')) as Row),
}

function rowOf(input: IndexInput): Row {
  switch (input.type) {
    case 'here':
      return ['here', input.cell, input.driverId, input.at, input.lat, input.lng]
    case 'gone':
      return ['gone', input.cell, input.driverId]
    case 'question': {
      const { tripId, request, isRepeated, pickup, cells, areas } = input
      const { at, sub, eventId } = request
      return ['question', tripId, at, sub, eventId, isRepeated, pickup.lat, pickup.lng, pickup.address, cells, areas]
    }
  }
}

function inputOf(row: Row): IndexInput {
  switch (row[0]) {
    case 'here': {
      const [type, cell, driverId, at, lat, lng] = row
      return { type, cell, driverId, at, lat, lng }
    }
    case 'gone': {
      const [type, cell, driverId] = row
      return { type, cell, driverId }
    }
    case 'question': {
      const [type, tripId, at, sub, eventId, isRepeated, lat, lng, address, cells, areas] = row
      return { type, tripId, request: { at, sub, eventId }, isRepeated, pickup: { lat, lng, address }, cells, areas }
    }
  }
}
