import { Worker } from 'node:worker_threads'

export interface Latency {
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly p999: number
  readonly samples: number
}

/** Settings of the latency worker. */
export interface LatencySetup {
  readonly bootstrap: string
  readonly seconds: number
  readonly perSecond: number
}

/**
 * Driver positions at a steady rate into a running peer, each in a new cell; a read_committed consumer outside the peer waits
 * for driver.cell.changed. Milliseconds from send to arrival, producer and consumer in a worker of their own.
 */
export function measureLatency(setup: LatencySetup): Promise<Latency> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./latency-worker.ts', import.meta.url), { workerData: setup })
    worker.once('message', resolve)
    worker.once('error', reject)
  })
}
