import { connectKafka } from '../../infra/kafka/kafka.ts'
import { groupLag } from '../../infra/streams/topics/group-lag.ts'
import { EVENT_TYPES } from '../../processors/events/schemas.ts'

/** Topics of all processors; `untilDrained` waits for those of the core ones by default. */
export const ALL_REPARTITIONS: readonly string[] = [
  ...['hourly-revenue', 'cell-demand', 'trip-funnel', 'driver-earnings'],
  ...['trip-offers-requests', 'trip-offers-nearest'],
]

/** Resolves when the group has committed everything there is in its topics, repartition topics included. */
export async function untilDrained(
  bootstrap: string,
  applicationId: string,
  timeoutMs: number,
  repartition: readonly string[] = ['hourly-revenue'],
): Promise<void> {
  const cluster = connectKafka({ brokers: bootstrap.split(','), clientId: 'test' })
  const admin = cluster.admin()
  const deadline = performance.now() + timeoutMs
  try {
    for (;;) {
      const { total, rows } = await groupLag(admin, applicationId, {
        required: EVENT_TYPES,
        optional: repartition.map((name) => `${applicationId}-${name}-repartition`),
      })
      if (total === 0) return
      if (performance.now() > deadline) {
        throw new Error(`not drained: ${JSON.stringify(rows.filter(({ lag }) => lag > 0))}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 150))
    }
  } finally {
    await cluster.close()
  }
}
