import type { KafkaCluster } from '../infra/kafka/kafka.ts'
import { EVENT_TYPES } from '../processors/events/schemas.ts'

/** Records per second of fetching and JSON.parse alone, in this process: what no processor in Node can beat. */
export async function measureFloor(kafka: KafkaCluster, events: number): Promise<number> {
  const reader = kafka.reader({})
  for (const [topic, { partitions }] of await kafka.admin().describeTopics(EVENT_TYPES)) {
    for (let partition = 0; partition < partitions; partition++) reader.assign({ topic, partition }, 0)
  }
  const started = performance.now()
  let read = 0
  while (read < events) {
    for (const { records } of await reader.poll(1000)) {
      for (const { value } of records) JSON.parse(String(value))
      read += records.length
    }
  }
  const seconds = (performance.now() - started) / 1000
  await reader.close()
  return read / seconds
}
