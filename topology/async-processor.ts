import type { AsyncCall } from './async-call.ts'
import type { ProcessorContext } from './processor.ts'
import type { StreamRecord } from './record.ts'
import type { Unused } from './sync.ts'

/**
 * A processor in two halves: `call` asks outside of the topology, and `process` works with the answer. It keeps no record of its own
 * while an answer is awaited: the engine does, in a store.
 */
export interface AsyncProcessor<KIn = unknown, VIn = unknown, A = unknown, KOut = unknown, VOut = unknown> {
  init?(context: ProcessorContext<KOut, VOut>): Unused
  /** Asks. Runs outside of the task's turn, so it must not use the context: no stores, no forward(). A rejection is a failed attempt. */
  call(record: StreamRecord<KIn, VIn>, call: AsyncCall): PromiseLike<A> | A
  /** The answer is there. As Processor.process: stores, forward(); what it does is in one transaction with the end of the call. */
  process(record: StreamRecord<KIn, VIn>, answer: A): Unused
  close?(): Unused
}
