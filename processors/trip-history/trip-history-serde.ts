import type { PartsSerde } from '../../topology/index.ts'
import { KeptHistory } from './trip-history.ts'

/** A row has a part for each event (kept-event.ts), and one without a name for what was before them. Each part is a record of the changelog. */
export const tripHistorySerde: PartsSerde<KeptHistory> = {
  serialize: (_topic, history) => history.toRow(),
  serializeParts: (_topic, history) => history.parts,
  deserialize: (_topic, bytes) => KeptHistory.ofRow(bytes),
}
