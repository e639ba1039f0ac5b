import type { FlushedChange } from '../../state/ports/managed-store.ts'
import type { StoreSpec } from '../../state/ports/store-spec.ts'
import type { StateStore } from '../../state/ports/stores.ts'
import type { CallOperator, CallQueue, CallSettings } from '../../topology/async-call.ts'
import { callersOf } from '../../topology/calls-of-plan.ts'
import { DelegatingContext } from '../../topology/operators/delegating-context.ts'
import type { Plan, ProcessorNode } from '../../topology/plan.ts'
import type {
  Cancellable,
  IdleListener,
  Processor,
  ProcessorContext,
  PunctuationType,
  Punctuator,
} from '../../topology/processor.ts'
import { record, type StreamRecord } from '../../topology/record.ts'
import type { Unused } from '../../topology/sync.ts'
import type { ChainRecorder } from './chain-recorder.ts'
import { tracedStore } from './traced-store.ts'

/** The same plan; the recorder hears what its processors get, read and write. Tasks of the plan itself know nothing of it. */
export function tracedPlan(plan: Plan, recorder: ChainRecorder): Plan {
  // The rows of unanswered calls are the engine's own.
  const ofCalls = new Set(callersOf(plan).map(({ calls }) => calls.store))
  const globals = plan.globalStores.map(({ store }) => store)
  const specs = new Map(
    [...plan.subtopologies.flatMap(({ stores }) => stores), ...globals]
      .filter(({ spec }) => !ofCalls.has(spec.name))
      .map(({ spec }) => [spec.name, spec] as const),
  )
  const tracing: Tracing = { recorder, specs, stores: new WeakMap() }
  const traced = (node: ProcessorNode): ProcessorNode => ({
    ...node,
    supplier: () => {
      const inner = node.supplier()
      // The task says what is wrong with it.
      return typeof inner?.process === 'function' ? new TracedProcessor(node.name, inner, tracing) : inner
    },
  })
  return {
    ...plan,
    subtopologies: plan.subtopologies.map((subtopology) => ({
      ...subtopology,
      nodes: subtopology.nodes.map((node) => (node.type === 'processor' ? traced(node) : node)),
    })),
  }
}

interface Tracing {
  readonly recorder: ChainRecorder
  readonly specs: ReadonlyMap<string, StoreSpec>
  /**
   * The traced store of each store: operators of a task that share a store find what they share by it. A task that is opened again gets
   * new ones although its stores stay, as a restarted task does: else they would find what they knew before.
   */
  readonly stores: WeakMap<StateStore, StateStore>
}

class TracedProcessor implements Processor {
  readonly #name: string
  readonly #inner: Processor
  readonly #tracing: Tracing
  #context: TracedContext | null = null

  constructor(name: string, inner: Processor, tracing: Tracing) {
    this.#name = name
    this.#inner = inner
    this.#tracing = tracing
  }

  init(context: ProcessorContext): Unused {
    this.#context = new TracedContext(context, this.#tracing)
    return this.#inner.init?.(this.#context)
  }

  process(given: StreamRecord<unknown, unknown>): Unused {
    return this.#tracing.recorder.visit(this.#name, null, given, () => this.#inner.process(given))
  }

  close(): Unused {
    this.#context?.forgetStores()
    return this.#inner.close?.()
  }
}

class TracedContext extends DelegatingContext<unknown, unknown> {
  readonly #tracing: Tracing
  readonly #stores = new Set<StateStore>()

  constructor(inner: ProcessorContext, tracing: Tracing) {
    super(inner)
    this.#tracing = tracing
  }

  override store<S extends StateStore>(name: string): S {
    const { recorder, specs, stores } = this.#tracing
    const store = super.store<S>(name)
    const spec = specs.get(name)
    if (spec === undefined) return store
    const traced =
      stores.get(store) ??
      tracedStore(store, spec, {
        get isOn() {
          return recorder.isOn
        },
        read: (key, row) => recorder.read(name, key, row),
        wrote: (key, before, after) => recorder.wroteRow(name, key, before, after),
      })
    stores.set(store, traced)
    this.#stores.add(store)
    return traced as S
  }

  forgetStores(): void {
    for (const store of this.#stores) this.#tracing.stores.delete(store)
  }

  override drop(reason: string): void {
    this.#tracing.recorder.dropped(reason)
    super.drop(reason)
  }

  override onStoreFlush(storeName: string, listener: (change: FlushedChange<unknown, unknown>) => void): void {
    super.onStoreFlush(storeName, (change) => {
      const { key, newValue, timestamp, headers } = change
      const because = `store ${storeName} was flushed`
      this.#visit(because, record(key, newValue, timestamp, headers), () => listener(change))
    })
  }

  override schedule(intervalMs: number, type: PunctuationType, punctuator: Punctuator): Cancellable {
    if (type === 'wall-clock-time') this.#tracing.recorder.clocks.add(this.nodeName)
    return super.schedule(intervalMs, type, (timestamp) =>
      this.#visit(`its punctuator fired (${type})`, record(null, null, timestamp, []), () => punctuator(timestamp)),
    )
  }

  override beforeCommit(listener: () => Unused): void {
    super.beforeCommit(() => this.#visit('of the commit', null, listener))
  }

  override onIdleTick(listener: IdleListener): void {
    super.onIdleTick({
      due: () => listener.due(),
      tick: (time) => this.#visit('stream time passed', record(null, null, time, []), () => listener.tick(time)),
    })
  }

  override openCalls(operator: CallOperator, settings: CallSettings): CallQueue {
    const { recorder } = this.#tracing
    const traced: CallOperator = {
      get answersTopic() {
        return operator.answersTopic
      },
      writeAnswer: (answer) => operator.writeAnswer(answer),
      readAnswer: (bytes) => operator.readAnswer(bytes),
      recordOf: (call) => operator.recordOf(call),
      sourceOf: (call) => operator.sourceOf(call),
      ask: (...given) => operator.ask(...given),
      answered: (asked, answer) =>
        this.#visit('of its recorded answer', { ...asked, value: answer }, () => operator.answered(asked, answer)),
      remove: (call) => operator.remove(call),
    }
    const queue = super.openCalls(traced, settings)
    return {
      firstSequence: queue.firstSequence,
      source: () => queue.source(),
      knownSequence: (call) => queue.knownSequence?.(call) ?? null,
      add: (call) => {
        queue.add(call)
        recorder.asked(this.taskId, call, `${this.nodeName}#${call.index}`)
      },
    }
  }

  #visit<T>(because: string, given: StreamRecord<unknown, unknown> | null, work: () => T): T {
    return this.#tracing.recorder.visit(this.nodeName, because, given, work)
  }
}
