import { type Processor, type ProcessorContext, record, type StreamRecord } from '../../topology/index.ts'
import { cellsAround } from '../geo/cells-around.ts'
import type { TripStep } from '../trip-state/trip-steps.ts'
import { areaOf, CELL_RESOLUTION, type IndexInput } from './index-input.ts'

export const OFFER_RADIUS_M = 5000

/** Asks every area that a driver near the pickup can be in. */
export class AreaQuestions implements Processor<string, TripStep, string, IndexInput> {
  #context!: ProcessorContext<string, IndexInput>

  init(context: ProcessorContext<string, IndexInput>): void {
    this.#context = context
  }

  process({ key: tripId, value: { before, after }, timestamp, headers }: StreamRecord<string, TripStep>): void {
    const { requested } = after
    if (requested === null || requested === before.requested) return
    const { at, sub, eventId, pickup } = requested
    const cells = Map.groupBy(cellsAround(pickup, OFFER_RADIUS_M, CELL_RESOLUTION), areaOf)
    const request = { at, sub, eventId }
    const isRepeated = before.requested !== null
    const common = { type: 'question', tripId, request, isRepeated, pickup, areas: cells.size } as const
    for (const [area, inArea] of cells)
      this.#context.forward(record(area, { ...common, cells: inArea }, timestamp, headers))
  }
}
