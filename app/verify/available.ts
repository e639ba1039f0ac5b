import type { DriverCell } from '../../processors/driver-cells/driver-cells.ts'
import { cellAt, indexInputSerde } from '../../processors/trip-offers/index-input.ts'
import type { LogRecord } from '../../runtime/index.ts'
import type { Differences } from './differences.ts'
import { LatestValues } from './latest-values.ts'

/*
 * The index of available drivers: one row for each driver whose last event says so, under the cell it left the driver in. Drivers with
 * changes on their way to the index are not judged.
 */
export class AvailableFold {
  readonly #topic: string
  readonly #rows = new Map<string, string>()
  readonly #pending = new Set<string>()

  /** `topic`: the changelog. */
  constructor(topic: string) {
    this.#topic = topic
  }

  add(driverId: string, { status, lat, lng, at }: DriverCell): void {
    if (status === 'available') this.#rows.set(`${cellAt({ lat, lng })}/${driverId}`, JSON.stringify([at, lat, lng]))
  }

  addPending({ value }: LogRecord): void {
    if (value === null) return
    const input = indexInputSerde.deserialize('', value)
    if (input.type !== 'question') this.#pending.add(`${input.cell}/${input.driverId}`)
  }

  store(): LatestValues {
    return new LatestValues({
      topic: this.#topic,
      expected: (key) => this.#rows.get(key) ?? null,
      canonical: (bytes) => bytes,
    })
  }

  report(rows: LatestValues, differences: Differences): void {
    const isPending = (key: string): boolean => this.#pending.has(key)
    rows.report(differences, this.#rows.keys(), isPending, isPending)
  }
}
