import type { SessionStore, ValueAndTimestamp, Windowed, WindowStore } from '../../state/ports/stores.ts'
import type { ProcessorContext, ProcessorSupplier } from '../processor.ts'
import type { EmitStrategy, SessionWindows, SlidingWindows, TimeWindows } from '../windows.ts'
import type { Change } from './change.ts'
import { SessionWindowAggregateProcessor } from './session-window-aggregate.ts'
import { SlidingWindowAggregateProcessor } from './sliding-window-aggregate.ts'
import type { TableOperator, ValueGetterSupplier } from './table-operator.ts'
import { TimeWindowAggregateProcessor } from './time-window-aggregate.ts'
import type { WindowAggregateSettings } from './window-aggregate-processor.ts'
import type { SessionFold, WindowFold } from './window-fold.ts'

export interface WindowedTableOptions {
  readonly storeName: string
  readonly caching: boolean
  readonly emit: EmitStrategy
  readonly lateChild: string | undefined
  /** Called when the topology is complete: are its windows closed for good, here or below? */
  readonly closes: () => boolean
  /** Place among the aggregates that share the store; default 0. */
  readonly member?: number | undefined
}

type Make<K, V, A> = (settings: WindowAggregateSettings) => ReturnType<ProcessorSupplier<K, V, Windowed<K>, Change<A>>>

/** A table whose keys are windows, fed by an aggregate. */
class WindowedTable<K, V, A> implements TableOperator<K, V, Windowed<K>, A> {
  readonly #options: WindowedTableOptions
  readonly #make: Make<K, V, A>
  readonly #open: (context: ProcessorContext) => (key: Windowed<K>) => ValueAndTimestamp<A> | null
  #sendOldValues = false

  constructor(
    options: WindowedTableOptions,
    make: Make<K, V, A>,
    open: (context: ProcessorContext) => (key: Windowed<K>) => ValueAndTimestamp<A> | null,
  ) {
    this.#options = options
    this.#make = make
    this.#open = open
  }

  readonly supplier: ProcessorSupplier<K, V, Windowed<K>, Change<A>> = () =>
    this.#make({ ...this.#options, closes: this.#options.closes(), sendOldValues: this.#sendOldValues })

  enableSendingOldValues(): boolean {
    this.#sendOldValues = true
    return true
  }

  view(): ValueGetterSupplier<Windowed<K>, A> {
    return {
      storeNames: [this.#options.storeName],
      open: (context) => {
        const get = this.#open(context)
        return { versioned: false, get, getForwarded: get, getAsOf: get }
      },
    }
  }
}

export function windowAggregate<K, V, A>(
  windows: TimeWindows | SlidingWindows,
  fold: WindowFold<K, V, A>,
  options: WindowedTableOptions,
): TableOperator<K, V, Windowed<K>, A> {
  const make: Make<K, V, A> = (settings) =>
    windows.kind === 'time'
      ? new TimeWindowAggregateProcessor(windows, fold, settings)
      : new SlidingWindowAggregateProcessor(windows, fold, settings)
  return new WindowedTable(options, make, (context) => {
    const store = context.store<WindowStore<K, ValueAndTimestamp<A>>>(options.storeName)
    return ({ key, window }) => store.fetch(key, window.start)
  })
}

export function sessionAggregate<K, V, A>(
  windows: SessionWindows,
  fold: SessionFold<K, V, A>,
  options: WindowedTableOptions,
): TableOperator<K, V, Windowed<K>, A> {
  const make: Make<K, V, A> = (settings) => new SessionWindowAggregateProcessor(windows, fold, settings)
  return new WindowedTable(options, make, (context) => {
    const store = context.store<SessionStore<K, A>>(options.storeName)
    return ({ key, window }) => {
      const value = store.fetchSession(key, window.start, window.end)
      return value === null ? null : { value, timestamp: window.end }
    }
  })
}
