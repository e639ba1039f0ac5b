import {
  type KeyValueStore,
  NO_HEADERS,
  type Processor,
  type ProcessorContext,
  record,
  type StreamRecord,
} from '../../topology/index.ts'
import type { DriverCell } from '../driver-cells/driver-cells.ts'
import { type DriverEvent, isLater } from '../events/ride-event.ts'
import { DRIVER_CELLS_STORE } from '../topics.ts'
import { areaOf, cellAt, type IndexInput } from './index-input.ts'

/*
 * Tells the index where available drivers are.
 *
 * Invariants:
 * 1. It stands before driver-cells-track among the children of the source, so what it finds in the store driver-cells is the
 *    driver before the event. Redelivered and stale events tell the index nothing.
 * 2. The new cell of a driver is sent before the removal from the old one: in between a request finds the
 *    driver in both (offer.ts decides), never in none, when both are of one partition.
 */
export class DriverPositions implements Processor<string, DriverEvent, string, IndexInput> {
  #context!: ProcessorContext<string, IndexInput>
  #drivers!: KeyValueStore<string, DriverCell>

  init(context: ProcessorContext<string, IndexInput>): void {
    this.#context = context
    this.#drivers = context.store(DRIVER_CELLS_STORE)
  }

  process({ key: driverId, value: event, timestamp }: StreamRecord<string, DriverEvent>): void {
    const before = this.#drivers.get(driverId)
    if (before !== null && !isLater(event, before)) return
    const { location, status } = event.data
    const oldCell = before?.status === 'available' ? cellAt(before) : null
    const hasMoved = before?.lat !== location.lat || before.lng !== location.lng
    const newCell = status !== 'available' ? null : hasMoved || oldCell === null ? cellAt(location) : oldCell
    if (newCell !== null) {
      const { lat, lng } = location
      this.#send({ type: 'here', cell: newCell, driverId, at: event.at, lat, lng }, timestamp)
    }
    if (oldCell !== null && oldCell !== newCell) this.#send({ type: 'gone', cell: oldCell, driverId }, timestamp)
  }

  #send(input: Exclude<IndexInput, { type: 'question' }>, timestamp: number): void {
    this.#context.forward(record(areaOf(input.cell), input, timestamp, NO_HEADERS))
  }
}
