/* Producer and consumer of the latency measurement; see latency.ts. */
import { parentPort, workerData } from 'node:worker_threads'
import { connectKafka } from '../infra/kafka/kafka.ts'
import { partitionForKey } from '../runtime/task/partitioner.ts'
import { NO_HEADERS } from '../state/ports/headers.ts'
import type { Latency, LatencySetup } from './latency.ts'

const INPUT = 'driver.location.updated'
const OUTPUT = 'driver.cell.changed'
const TICK_MS = 10
const WARM_UP_MS = 3000

const { bootstrap, seconds, perSecond } = workerData as LatencySetup
const kafka = connectKafka({ brokers: [bootstrap], clientId: 'latency' })
const admin = kafka.admin()
const partitions = await admin.describeTopics([INPUT, OUTPUT])
const outputs = Array.from({ length: partitions.get(OUTPUT)?.partitions ?? 0 }, (_, partition) => ({
  topic: OUTPUT,
  partition,
}))
const reader = kafka.reader({ maxWaitMs: 100 })
const ends = await admin.highWatermarks(outputs)
for (const [i, output] of outputs.entries()) reader.assign(output, ends[i] as number)
const writer = kafka.writer({ transactionalId: null })
await writer.init()

const run = `${process.pid}-${Date.now()}`
const sentAt = new Map<string, number>()
const latencies: number[] = []
const total = Math.floor(seconds * perSecond)
let sent = 0
const begin = performance.now()

async function produce(): Promise<void> {
  while (sent < total) {
    const due = Math.min(total, Math.floor(((performance.now() - begin) / 1000) * perSecond))
    if (due > sent) {
      const batch = writer.newBatch()
      for (; sent < due; sent++) {
        const driverId = `latency-${run}-${sent}`
        const now = Date.now()
        sentAt.set(driverId, performance.now())
        const value = JSON.stringify({
          eventId: driverId,
          eventType: INPUT,
          eventVersion: '1.0',
          timestamp: new Date(now).toISOString(),
          data: { driverId, location: { lat: 40.7, lng: -74 } },
        })
        const partition = partitionForKey(driverId, partitions.get(INPUT)?.partitions ?? 1)
        batch.append(INPUT, partition, driverId, value, now, NO_HEADERS)
      }
      await writer.commit({ batch, offsets: [], group: () => null })
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS))
  }
}

async function consume(): Promise<void> {
  let seen = 0
  while (seen < total) {
    for (const { records } of await reader.poll(1000)) {
      const now = performance.now()
      for (const { key } of records) {
        const at = sentAt.get(String(key))
        if (at === undefined) continue
        seen++
        if (at - begin > WARM_UP_MS) latencies.push(now - at)
      }
    }
  }
}

await Promise.all([produce(), consume()])
await kafka.close()
latencies.sort((a, b) => a - b)
const quantile = (q: number): number => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * q))] ?? 0
const latency: Latency = {
  p50: quantile(0.5),
  p95: quantile(0.95),
  p99: quantile(0.99),
  p999: quantile(0.999),
  samples: latencies.length,
}
parentPort?.postMessage(latency)
