import {
  type KeyValueStore,
  type Processor,
  type ProcessorContext,
  record,
  type StreamRecord,
} from '../../topology/index.ts'
import type { DriverCell } from '../driver-cells/driver-cells.ts'
import type { DriverEvent } from '../events/ride-event.ts'
import { DRIVER_CELLS_STORE } from '../topics.ts'
import type { AskedBatch } from './asked-batch.ts'
import { DriverGrid } from './driver-grid.ts'
import { FoundBatch, FoundWriter } from './found-batch.ts'
import { WAITED_FOR } from './waited-for.ts'

/*
 * The available drivers of one partition, and who of them is near a pickup.
 *
 * Invariants:
 * 1. It stands behind driver-cells-track among the children of the source, so what it finds in the store driver-cells is the driver
 *    after the event.
 * 2. The grid holds the drivers of that store who are available, at their last positions, as processing sees them: it is filled when the
 *    task begins and lost with the task, as uncommitted rows are.
 */
export class DriverIndex implements Processor<string, DriverEvent | AskedBatch, string, FoundBatch> {
  readonly #grid = new DriverGrid()
  readonly #writer = new FoundWriter()
  #context!: ProcessorContext<string, FoundBatch>
  #drivers!: KeyValueStore<string, DriverCell>

  init(context: ProcessorContext<string, FoundBatch>): void {
    this.#context = context
    this.#drivers = context.store(DRIVER_CELLS_STORE)
    for (const [driverId, driver] of this.#drivers.all()) this.#note(driverId, driver)
  }

  process({ key, value, timestamp, headers }: StreamRecord<string, DriverEvent | AskedBatch>): void {
    if (value.type === 'asked') {
      this.#context.forward(record(key, this.#answer(value), timestamp, headers))
      this.#context.commit(WAITED_FOR)
      return
    }
    const driver = this.#drivers.get(key)
    // A stale event is not what the store holds.
    if (driver !== null && driver.at === value.at) this.#note(key, driver)
  }

  #answer({ asker, pickups, requests }: AskedBatch): FoundBatch {
    const { partition, taskCount } = this.#context
    const writer = this.#writer
    writer.begin(partition, taskCount, pickups.length)
    for (const pickup of pickups) writer.add(pickup, this.#grid.nearest(pickup))
    return new FoundBatch(writer.end(requests), asker)
  }

  #note(driverId: string, driver: DriverCell): void {
    if (driver.status === 'available') this.#grid.put(driverId, driver, driver.at)
    else this.#grid.remove(driverId)
  }
}
