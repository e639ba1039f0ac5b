import type { LogRecord } from '../../runtime/ports/log.ts'
import type { SimulatedLog } from '../../runtime/simulation/simulated-log.ts'
import type { InputRecord, Json, Oracle } from '../support/oracle.ts'
import { expectedTables } from '../support/processor-oracle.ts'

/** The differences between the outputs of the further processors and what they must be after any crashes; [] = none. */
export function furtherDifferences(world: SimulatedLog, inputs: readonly InputRecord[], expected: Oracle): string[] {
  const differences: string[] = []
  const compare = (what: string, actual: unknown, wanted: unknown): void => {
    const [a, w] = [JSON.stringify(actual), JSON.stringify(wanted)]
    if (a !== w) differences.push(`${what}: ${a}, expected ${w}`)
  }
  const tables = expectedTables(inputs)
  const sorted = (rows: ReadonlyMap<string, Json>) => [...rows].sort(([a], [b]) => (a < b ? -1 : 1))
  const filled = (topic: string, count: string) =>
    sorted(new Map([...latest(world.committed(topic))].filter(([, row]) => row[count] !== 0)))
  compare('funnel', filled('analytics.trip_funnel', 'requested'), sorted(tables.funnel))
  compare('earnings', filled('driver.earnings', 'trips'), sorted(tables.earnings))

  const requests = [...expected.trips].filter(([, trip]) => trip.requestedAt !== null)
  const lastOffers = [...latest(world.committed('trip.offers'))].map(([id, { requestedAt, pickup }]) => [
    id,
    { requestedAt, pickup },
  ])
  const lastRequests = requests.map(([id, { requestedAt, pickup }]) => [id, { requestedAt, pickup }])
  compare('last offers', lastOffers.sort(), lastRequests.sort())
  const open = world.committed('trip.offers').map(({ value }) => String(value))
  compare('offers made twice', open.length - new Set(open).size, 0)

  const windows = world.committed('analytics.cell_demand').map(({ key }) => String(key))
  compare('windows closed twice', windows.length - new Set(windows).size, 0)
  return differences
}

function latest(records: readonly LogRecord[]): Map<string, Json> {
  return new Map(records.map(({ key, value }) => [String(key), JSON.parse(String(value)) as Json]))
}
