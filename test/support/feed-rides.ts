import { partitionForKey } from '../../runtime/task/partitioner.ts'
import type { MemoryApp } from './memory-app.ts'
import type { RideInputRecord } from './ride-input.ts'

/** Produces the records one by one. Resolves when all of them, and what they lead to, are processed. */
export async function feedRides(
  app: MemoryApp,
  partitions: number,
  records: readonly RideInputRecord[],
): Promise<void> {
  for (const { topic, key, value, timestamp } of records) {
    const partition = partitionForKey(key as Buffer, partitions)
    app.cluster.append({ topic, partition }, [{ key, value, timestamp, headers: [] }])
    await app.drained(topic, partition)
  }
  await app.time.settle()
}
