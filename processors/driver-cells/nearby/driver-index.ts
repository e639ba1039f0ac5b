import type { CommittedIndex, StoreIndexSpec } from '../../../topology/index.ts'
import type { DriverCell } from '../driver-cell.ts'
import { AVAILABLE, cellTerm, OTHERS } from './cell-terms.ts'
import { type CellQuestion, driversInCell } from './drivers-in-cell.ts'
import { type NearbyQuestion, nearestDrivers } from './nearest-drivers.ts'

/** Names of the questions to the store driver-cells. */
export const NEARBY = 'nearby'
export const IN_CELL = 'in-cell'

type Index = CommittedIndex<string, DriverCell>

const isAvailable = ({ status }: DriverCell): boolean => status === 'available'

/** The drivers of the store driver-cells by cell: see docs/decisions/nearby-index.md. */
export const driverIndex: StoreIndexSpec<string, DriverCell> = {
  termOf: (driver) => (isAvailable(driver) ? AVAILABLE : OTHERS) + cellTerm(driver.cell),
  stays: (before, after) => before.cell === after.cell && isAvailable(before) === isAvailable(after),
  timeOf: ({ at }) => at,
  questions: {
    [NEARBY]: (index: Index, params) => nearestDrivers(index, params as NearbyQuestion),
    [IN_CELL]: (index: Index, params) => driversInCell(index, params as CellQuestion),
  },
}
