/* Feeds events at a steady rate until it gets a stop message; see queries.ts. */
import { parentPort, workerData } from 'node:worker_threads'
import { connectKafka } from '../infra/kafka/kafka.ts'
import { EVENT_TYPES } from '../processors/events/schemas.ts'
import { partitionForKey } from '../runtime/task/partitioner.ts'
import { NO_HEADERS } from '../state/ports/headers.ts'
import { load } from './load.ts'

const TICK_MS = 20
/** Made before, so that making them does not count. */
const PREPARED = 100_000

const { bootstrap, perSecond } = workerData as { bootstrap: string; perSecond: number }
const kafka = connectKafka({ brokers: [bootstrap], clientId: 'feed' })
const topics = await kafka.admin().describeTopics(EVENT_TYPES)
const writer = kafka.writer({ transactionalId: null })
await writer.init()
const records = [...load(PREPARED, { seed: 2 })].map((record) => ({
  ...record,
  partition: partitionForKey(record.key, topics.get(record.topic)?.partitions ?? 1),
}))
let isStopped = false
parentPort?.on('message', () => {
  isStopped = true
})
parentPort?.postMessage('ready')
const begin = performance.now()
let sent = 0
while (!isStopped) {
  const due = Math.floor(((performance.now() - begin) / 1000) * perSecond)
  if (due > sent) {
    const batch = writer.newBatch()
    for (; sent < due; sent++) {
      const record = records[sent % records.length]
      if (record === undefined) break
      batch.append(record.topic, record.partition, record.key, record.value, record.timestamp, NO_HEADERS)
    }
    await writer.commit({ batch, offsets: [], group: () => null })
  }
  await new Promise((resolve) => setTimeout(resolve, TICK_MS))
}
const perSecondDone = sent / ((performance.now() - begin) / 1000)
await kafka.close()
parentPort?.postMessage(perSecondDone)
parentPort?.close()
