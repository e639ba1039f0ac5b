import { latLngToCell } from 'h3-js'
import {
  type FixedKeyProcessor,
  jsonSerde,
  type KeyValueSpec,
  type KeyValueStore,
  type KStream,
  keyValueStore,
  type ProcessorContext,
  record,
  type Serde,
  type StoreIndexSpec,
  type StreamRecord,
  type StreamsBuilder,
} from '../../topology/index.ts'
import { outputHeaders } from '../events/correlation-headers.ts'
import { eventCheck, eventSerde, eventTimestamp, keySerde } from '../events/event-serde.ts'
import { type DriverEvent, isLater } from '../events/ride-event.ts'
import type { DriverStatus } from '../events/schemas.ts'
import { formatInstant } from '../time/format-instant.ts'
import { DRIVER_CELL_CHANGED_TOPIC, DRIVER_CELLS_STORE, DRIVER_TOPIC } from '../topics.ts'
import type { DriverCell } from './driver-cell.ts'
import { driverIndex } from './nearby/driver-index.ts'

export type { DriverCell }

/** Value of topic driver.cell.changed. */
export interface DriverCellChanged {
  readonly driverId: string
  readonly cell: string
  /** null at first. */
  readonly previousCell: string | null
  readonly lat: number
  readonly lng: number
  readonly status: DriverStatus | null
  /** Time of the event, UTC with milliseconds. */
  readonly at: string
}

/** The answer of GET /drivers/:driverId. */
export interface DriverView {
  readonly driverId: string
  readonly cell: string
  readonly lat: number
  readonly lng: number
  readonly status: DriverStatus | null
  readonly at: string
}

/** The driver after one more event; the same object when the event is not greater than the driver's last one. */
export function applyDriverEvent(driver: DriverCell | null, event: DriverEvent, h3Resolution: number): DriverCell {
  if (driver !== null && !isLater(event, driver)) return driver
  const { location, status } = event.data
  const { lat, lng } = location
  const cell =
    driver !== null && isAt(driver, lat, lng, h3Resolution) ? driver.cell : latLngToCell(lat, lng, h3Resolution)
  return { at: event.at, sub: event.sub, eventId: event.eventId, cell, lat, lng, status: status ?? null }
}

/** A waiting driver sends the same position again, and computing the index costs nearly as much as parsing the event. */
function isAt(driver: DriverCell, lat: number, lng: number, h3Resolution: number): boolean {
  // The second hex digit of an index is its resolution: after a change of H3_RESOLUTION the stored cell is not reused.
  return driver.lat === lat && driver.lng === lng && driver.cell[1] === h3Resolution.toString(16)
}

/** The change to announce, or null when the driver stayed in its cell. */
export function cellChange(driverId: string, before: DriverCell | null, now: DriverCell): DriverCellChanged | null {
  if (before !== null && before.cell === now.cell) return null
  return {
    driverId,
    cell: now.cell,
    previousCell: before === null ? null : before.cell,
    lat: now.lat,
    lng: now.lng,
    status: now.status,
    at: formatInstant(now.at),
  }
}

export function driverView(driverId: string, driver: DriverCell): DriverView {
  const { cell, lat, lng, status, at } = driver
  return { driverId, cell, lat, lng, status, at: formatInstant(at) }
}

type Row = [
  at: number,
  sub: string,
  eventId: string,
  cell: string,
  lat: number,
  lng: number,
  status: DriverStatus | null,
]

/** Store and changelog: a JSON array by position. Fields are only ever added at the end. */
export const driverCellSerde: Serde<DriverCell> = {
  serialize: (_topic, d) => JSON.stringify([d.at, d.sub, d.eventId, d.cell, d.lat, d.lng, d.status] satisfies Row),
  deserialize(_topic, bytes) {
    const [at, sub, eventId, cell, lat, lng, status] = JSON.parse(bytes.toString('utf8')) as Row
    return { at, sub, eventId, cell, lat, lng, status }
  },
}

/** @param scan a processor reads all drivers when its task begins */
export function driverCellsStore(scan: boolean): KeyValueSpec {
  return keyValueStore<string, DriverCell>({
    name: DRIVER_CELLS_STORE,
    keySerde,
    valueSerde: driverCellSerde,
    immutableValues: true,
    scan,
    index: driverIndex as StoreIndexSpec,
  })
}

/** Name of the source. */
export const DRIVER_EVENTS = 'driver-events'

class DriverCells implements FixedKeyProcessor<string, DriverEvent, DriverCellChanged> {
  readonly #h3Resolution: number
  #context!: ProcessorContext<string, DriverCellChanged>
  #store!: KeyValueStore<string, DriverCell>

  constructor(h3Resolution: number) {
    this.#h3Resolution = h3Resolution
  }

  init(context: ProcessorContext<string, DriverCellChanged>): void {
    this.#context = context
    this.#store = context.store(DRIVER_CELLS_STORE)
  }

  process({ key, value, timestamp, headers }: StreamRecord<string, DriverEvent>): void {
    const before = this.#store.get(key)
    const now = applyDriverEvent(before, value, this.#h3Resolution)
    if (now === before) return
    this.#store.put(key, now)
    const change = cellChange(key, before, now)
    if (change !== null) this.#context.forward(record(key, change, timestamp, headers))
  }
}

/** To be called wherever driver.location.updated is read: sources of equal topics become one. */
export function driverEvents(builder: StreamsBuilder): KStream<string, DriverEvent> {
  return builder.stream<string, DriverEvent>(DRIVER_TOPIC, {
    name: DRIVER_EVENTS,
    keySerde,
    valueSerde: eventSerde<DriverEvent>(),
    timestampExtractor: eventTimestamp,
    check: eventCheck,
    checksPartitions: true,
  })
}

/** driver.location.updated -> store driver-cells -> topic driver.cell.changed. */
export function buildDriverCells(builder: StreamsBuilder, h3Resolution: number, scansDrivers: boolean): void {
  driverEvents(builder)
    .processValues(() => new DriverCells(h3Resolution), {
      name: 'driver-cells-track',
      stores: [driverCellsStore(scansDrivers)],
    })
    .to(DRIVER_CELL_CHANGED_TOPIC, {
      name: 'driver-cells-sink',
      keySerde,
      valueSerde: jsonSerde<DriverCellChanged>(),
      headers: outputHeaders(DRIVER_CELL_CHANGED_TOPIC),
    })
}
