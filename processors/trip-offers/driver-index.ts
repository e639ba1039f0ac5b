import {
  type KeyValueSpec,
  type KeyValueStore,
  keyValueStore,
  type Processor,
  type ProcessorContext,
  record,
  type Serde,
  type StreamRecord,
} from '../../topology/index.ts'
import { keySerde } from '../events/event-serde.ts'
import { leastDistance } from '../geo/cells-around.ts'
import { distanceMeters, type Point } from '../geo/great-circle.ts'
import { OFFER_RADIUS_M } from './area-questions.ts'
import { type AreaQuestion, CELL_RESOLUTION, type IndexInput } from './index-input.ts'
import { type Candidate, MAX_OFFERS, nearest } from './offer.ts'
import type { AreaAnswer } from './offer-gathering.ts'

export const AVAILABLE_DRIVERS_STORE = 'available-drivers'

/** A row of the store, under `<cell>/<driverId>`: the drivers of a cell stand together, and a question reads its cells alone. */
interface Position extends Point {
  readonly at: number
}

/** `[at, lat, lng]` */
const positionSerde: Serde<Position> = {
  serialize: (_topic, { at, lat, lng }) => JSON.stringify([at, lat, lng]),
  deserialize(_topic, bytes) {
    const [at, lat, lng] = JSON.parse(bytes.toString('latin1')) as [number, number, number]
    return { at, lat, lng }
  },
}

/** At most one row per driver ever seen, as in driver-cells: one clock that is ahead must not make the others silent. */
export const availableDriversStore: KeyValueSpec = keyValueStore({
  name: AVAILABLE_DRIVERS_STORE,
  keySerde,
  valueSerde: positionSerde,
  immutableValues: true,
})

/** The available drivers of some areas, and a search for those near a pickup. */
export class DriverIndex implements Processor<string, IndexInput, string, AreaAnswer> {
  readonly #driverTtlMs: number
  #context!: ProcessorContext<string, AreaAnswer>
  #drivers!: KeyValueStore<string, Position>

  /** @param driverTtlMs silent for longer before the request = not offered; 0 = no limit */
  constructor(driverTtlMs: number) {
    this.#driverTtlMs = driverTtlMs
  }

  init(context: ProcessorContext<string, AreaAnswer>): void {
    this.#context = context
    this.#drivers = context.store(AVAILABLE_DRIVERS_STORE)
  }

  process({ key: area, value: input, timestamp, headers }: StreamRecord<string, IndexInput>): void {
    switch (input.type) {
      case 'here':
        this.#drivers.put(`${input.cell}/${input.driverId}`, { at: input.at, lat: input.lat, lng: input.lng })
        break
      case 'gone':
        this.#drivers.put(`${input.cell}/${input.driverId}`, null)
        break
      case 'question': {
        const { tripId, request, isRepeated, pickup, areas } = input
        const answer = { request, isRepeated, pickup, areas, area, candidates: this.#nearest(input) }
        this.#context.forward(record(tripId, answer, timestamp, headers))
      }
    }
  }

  #nearest({ cells, pickup, request }: AreaQuestion): readonly Candidate[] {
    let best: readonly Candidate[] = []
    for (const cell of cells) {
      const last = best[MAX_OFFERS - 1]
      if (last !== undefined && leastDistance(pickup, cell, CELL_RESOLUTION) > last.distanceMeters) continue
      best = nearest([...best, ...this.#inCell(cell, pickup, request.at)])
    }
    return best
  }

  *#inCell(cell: string, pickup: Point, requestedAt: number): Iterable<Candidate> {
    // '0' is the character behind '/'.
    for (const [key, driver] of this.#drivers.range(`${cell}/`, `${cell}0`)) {
      if (this.#driverTtlMs > 0 && requestedAt - driver.at > this.#driverTtlMs) continue
      const distance = distanceMeters(pickup, driver)
      if (distance > OFFER_RADIUS_M) continue
      const { lat, lng } = driver
      yield { driverId: key.slice(cell.length + 1), distanceMeters: distance, at: driver.at, lat, lng }
    }
  }
}
