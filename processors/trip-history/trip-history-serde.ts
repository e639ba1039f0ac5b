import type { Serde } from '../../topology/index.ts'
import { KeptHistory } from './trip-history.ts'

/** Store and changelog: `[before, [event, ...]]`, JSON arrays by position. */
export const tripHistorySerde: Serde<KeptHistory> = {
  serialize: (_topic, history) => history.toRow(),
  deserialize: (_topic, bytes) => KeptHistory.ofRow(bytes),
}
