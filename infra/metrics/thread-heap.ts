import { getHeapStatistics } from 'node:v8'
import type { MetricFamily } from '../../runtime/ports/metrics.ts'

/** The heap of the stream thread that asks. Node's own process metrics see the main thread's heap only. */
export function threadHeap(thread: number): MetricFamily {
  return {
    name: 'stream_thread_heap_used_bytes',
    help: 'JavaScript heap in use by a stream thread, dead objects included that are not collected yet.',
    type: 'gauge',
    samples: [{ labels: { thread: String(thread) }, value: getHeapStatistics().used_heap_size }],
    histograms: [],
  }
}
