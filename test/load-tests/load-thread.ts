import { Worker } from 'node:worker_threads'
import type { Wait } from '../chaos/waits.ts'
import type { CityLoadOptions, TripOutcome } from './city-load.ts'

/** The worker's input. */
export interface LoadSetup extends CityLoadOptions {
  readonly bootstrap: string
  readonly applicationId: string
}

/** Counts since the start of the worker; `lag…` are the greatest values since the sample before. */
export interface LoadSample {
  /** Ms since time 0; negative while the load warms up. */
  readonly atMs: number
  /** Input events that all in-sync replicas have. */
  readonly sent: number
  /** Committed records of all output topics that have arrived. */
  readonly received: number
  /** Age of the oldest input event that the application has not committed, ms. */
  readonly lagMs: number
  /** Input events that the application has not committed. */
  readonly lagRecords: number
}

export interface LoadResult {
  readonly outcomes: readonly TripOutcome[]
  /** Times in which input events waited and no commit came, ms since time 0. */
  readonly waits: readonly Wait[]
  readonly sent: number
  readonly received: number
  readonly deadLetters: number
}

export type LoadMessage =
  /** Time 0 as epoch ms. */
  | { readonly kind: 'zero'; readonly at: number }
  | { readonly kind: 'sample'; readonly sample: LoadSample }
  /** The last event is sent; what is on its way is waited for. */
  | { readonly kind: 'sent' }
  | { readonly kind: 'end'; readonly result: LoadResult }

/**
 * Sends the load and watches the outputs in a thread of its own, so that looking at processes does not disturb the clock.
 * Resolves when all outputs have arrived, or two minutes after the last event.
 */
export function runLoad(setup: LoadSetup, onMessage: (message: LoadMessage) => void): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./load-worker.ts', import.meta.url), {
      workerData: setup,
      // kafkajs causes this warning at every request: it computes how long ago it should have looked at its queue.
      execArgv: ['--disable-warning=TimeoutNegativeWarning'],
    })
    worker.on('message', (message: LoadMessage) => {
      onMessage(message)
      if (message.kind === 'end') resolve(message.result)
    })
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('the load ended without a result')))
  })
}
