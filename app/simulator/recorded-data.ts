import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Point } from '../../processors/geo/great-circle.ts'
import { StreamsError } from '../../state/index.ts'

/** A file of the recorded data has changed. Restore the repository's data directory. */
export class RecordedDataError extends StreamsError {
  constructor(message: string) {
    super('RECORDED_DATA', message)
  }
}

export interface Zone extends Point {
  readonly name: string
}

/** A row as it was recorded, dirt included. */
export interface RecordedTrip {
  /** Epoch ms. */
  readonly pickupAt: number
  readonly dropoffAt: number
  readonly passengers: number
  readonly miles: number
  readonly pickupZone: string
  readonly dropoffZone: string
  readonly fare: number
  readonly color: string
}

export interface RecordedData {
  readonly zones: ReadonlyMap<string, Zone>
  readonly trips: readonly RecordedTrip[]
}

const DATA = join(import.meta.dirname, '..', '..', 'data')

/** 6,500 taxi rides of New York, March 2019 (TLC trip records), and the taxi zones' centroids. Throws RecordedDataError. */
export function readRecordedData(directory: string = DATA): RecordedData {
  return {
    zones: readZones(directory),
    trips: readTrips(join(directory, 'nyc-taxi-trips-2019-03.csv')),
  }
}

/** The taxi zones of New York by id, each with its centre. Throws RecordedDataError. */
export function readZones(directory: string = DATA): ReadonlyMap<string, Zone> {
  const rows = readCsv(join(directory, 'nyc-taxi-zones.csv'), ['zone_id', 'zone', 'borough', 'lat', 'lng'])
  return new Map(
    rows.map(([id = '', zone = '', borough = '', lat, lng]) => {
      const name = borough === 'EWR' ? zone : `${zone}, ${borough}`
      return [id, { name, lat: Number(lat), lng: Number(lng) }]
    }),
  )
}

const TRIP_COLUMNS = [
  ...['pickup_at', 'dropoff_at', 'passengers', 'distance_miles', 'pickup_zone_id', 'dropoff_zone_id'],
  ...['fare_usd', 'tip_usd', 'tolls_usd', 'total_usd', 'color'],
]

function readTrips(path: string): readonly RecordedTrip[] {
  return readCsv(path, TRIP_COLUMNS).map((cells, row) => {
    const [pickupAt = '', dropoffAt = '', passengers, miles, pickupZone = '', dropoffZone = '', fare] = cells
    const trip: RecordedTrip = {
      pickupAt: newYorkTime(pickupAt),
      dropoffAt: newYorkTime(dropoffAt),
      passengers: Number(passengers),
      miles: Number(miles),
      pickupZone,
      dropoffZone,
      fare: Number(fare),
      color: cells[10] ?? '',
    }
    const numbers = [trip.pickupAt, trip.dropoffAt, trip.passengers, trip.miles, trip.fare]
    if (numbers.some(Number.isNaN)) throw new RecordedDataError(`${path}: row ${row + 2} cannot be read`)
    return trip
  })
}

/** The files have neither quotes nor commas inside cells. */
function readCsv(path: string, columns: readonly string[]): string[][] {
  const [header, ...lines] = readFileSync(path, 'utf8').trimEnd().split(/\r?\n/)
  if (header !== columns.join(',')) throw new RecordedDataError(`${path}: the columns are not ${columns.join(',')}`)
  return lines.map((line, index) => {
    const cells = line.split(',')
    if (cells.length !== columns.length) throw new RecordedDataError(`${path}: row ${index + 2} cannot be read`)
    return cells
  })
}

const HOUR_MS = 3_600_000
/** Daylight saving time of 2019 in the wall clock of New York: from 10 March to 3 November, 02:00. */
const SUMMER_BEGINS = Date.UTC(2019, 2, 10, 2)
const SUMMER_ENDS = Date.UTC(2019, 10, 3, 2)

/** `2019-03-01 00:03:29` as New York's clocks showed it, to epoch ms; NaN when it is no time. */
function newYorkTime(text: string): number {
  const wall = Date.parse(`${text.replace(' ', 'T')}Z`)
  const summer = wall >= SUMMER_BEGINS && wall < SUMMER_ENDS
  return wall + (summer ? 4 : 5) * HOUR_MS
}
