import { type ReplayRule, TABLE_RULE } from '../../topology/index.ts'
import { jsonIn } from '../replay-rule.ts'
import { needed, type RideProcessor } from '../ride-processor.ts'
import { CELL_DEMAND_STORE, CELL_DEMAND_TOPIC } from '../topics.ts'
import { connectCellDemand, type Demand, demandByCell } from './cell-demand.ts'
import { docs } from './docs.ts'

/** One final row per window: a replay leaves windows alone that it has not closed. */
const WINDOWS: ReplayRule = {
  isTable: true,
  correction(row) {
    return row.rebuilt === null || (row.found === null && row.isGone) ? undefined : TABLE_RULE.correction(row)
  },
}

/** Counts of windows that are not closed. The time of the last change is not compared: it depends on the order of arrival. */
const OPEN_WINDOWS: ReplayRule = {
  isTable: true,
  correction(row) {
    const [rebuilt, found] = [countsOf(row.rebuilt), countsOf(row.found)]
    return rebuilt === found ? undefined : TABLE_RULE.correction(row)
  },
}

function countsOf(value: Buffer | null): string {
  if (value === null) return '0 0'
  const { requests, completions } = jsonIn<Partial<Demand>>(value) ?? {}
  return typeof requests === 'number' && typeof completions === 'number' ? `${requests} ${completions}` : String(value)
}

export const cellDemand: RideProcessor<'cell-demand'> = {
  name: 'cell-demand',
  needs: ['trip-state'],
  output: {
    topic: CELL_DEMAND_TOPIC,
    key: 'cell@windowStart',
    partitions: 3,
    kept: 'for-retention',
    meaning: 'requests and completions of a cell in five minutes, final',
    rule: WINDOWS,
  },
  stores: { [CELL_DEMAND_STORE]: OPEN_WINDOWS },
  readsSteps: true,
  closesWhenIdleMs: 10_000,
  build: ({ steps }) => demandByCell(needed(steps, CELL_DEMAND_STORE)),
  connect: connectCellDemand,
  fold: 'own',
  docs,
}
