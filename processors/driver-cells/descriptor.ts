import { type ReplayRule, TABLE_RULE } from '../../topology/index.ts'
import { jsonIn, jsonOf } from '../replay-rule.ts'
import type { RideProcessor } from '../ride-processor.ts'
import { DRIVER_CELL_CHANGED_TOPIC, DRIVER_CELLS_STORE, DRIVER_TOPIC } from '../topics.ts'
import { docs } from './docs.ts'
import { buildDriverCells, type DriverCellChanged } from './driver-cells.ts'

/** Each change is announced once, so only the last cell of a driver can be wrong, and one more record corrects it. */
const CELL_CHANGES: ReplayRule = {
  isTable: false,
  correction({ rebuilt, found, isGone }) {
    if (rebuilt === null || (found === null && isGone)) return undefined
    const change = jsonOf<DriverCellChanged>(rebuilt)
    const before = found === null ? null : (jsonIn<Partial<DriverCellChanged>>(found)?.cell ?? null)
    if (change.cell === before) return undefined
    return Buffer.from(JSON.stringify({ ...change, previousCell: before } satisfies DriverCellChanged))
  },
}

export const driverCells: RideProcessor<'driver-cells'> = {
  name: 'driver-cells',
  needs: [],
  output: {
    topic: DRIVER_CELL_CHANGED_TOPIC,
    key: 'driverId',
    partitions: { sameAs: DRIVER_TOPIC },
    kept: 'for-retention',
    meaning: 'a driver came into another cell',
    rule: CELL_CHANGES,
  },
  stores: { [DRIVER_CELLS_STORE]: TABLE_RULE },
  build: ({ builder, h3Resolution, scansDrivers }) => buildDriverCells(builder, h3Resolution, scansDrivers),
  fold: 'own',
  docs,
}
