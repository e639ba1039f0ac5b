import { getHeapStatistics } from 'node:v8'
import type { MetricFamily } from '../../runtime/ports/metrics.ts'

/** Memory of the stream thread that asks. Node's own process metrics see the main thread's only. */
export function threadMemory(thread: number): readonly MetricFamily[] {
  const { used_heap_size, total_heap_size, external_memory } = getHeapStatistics()
  const gauge = (name: string, help: string, value: number): MetricFamily => ({
    name,
    help,
    type: 'gauge',
    samples: [{ labels: { thread: String(thread) }, value }],
    histograms: [],
  })
  return [
    gauge(
      'stream_thread_heap_used_bytes',
      'JavaScript heap in use by a stream thread, dead objects included that are not collected yet.',
      used_heap_size,
    ),
    gauge('stream_thread_heap_total_bytes', 'JavaScript heap a stream thread holds, in use or not.', total_heap_size),
    gauge('stream_thread_external_bytes', 'Buffers of a stream thread, outside of its heap.', external_memory),
  ]
}
