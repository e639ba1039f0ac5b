import type { FlushedRows, SessionStore, ValueAndTimestamp, Windowed, WindowStore } from '../../state/ports/stores.ts'
import type { ProcessorContext, ProcessorSupplier } from '../processor.ts'
import type { EmitStrategy, SessionWindows, SlidingWindows, TimeWindows } from '../windows.ts'
import type { Change } from './change.ts'
import { SessionWindowAggregateProcessor } from './session-window-aggregate.ts'
import { SlidingWindowAggregateProcessor } from './sliding-window-aggregate.ts'
import type { TableOperator, ValueGetter, ValueGetterSupplier } from './table-operator.ts'
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

type Getters<K, A> = Pick<ValueGetter<Windowed<K>, A>, 'get' | 'getForwarded'>
type Open<K, A> = (context: ProcessorContext) => Getters<K, A>

/** A table whose keys are windows, fed by an aggregate. */
class WindowedTable<K, V, A> implements TableOperator<K, V, Windowed<K>, A> {
  readonly #options: WindowedTableOptions
  readonly #make: Make<K, V, A>
  readonly #open: Open<K, A>
  #sendOldValues = false

  constructor(options: WindowedTableOptions, make: Make<K, V, A>, open: Open<K, A>) {
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
        const getters = this.#open(context)
        return { versioned: false, ...getters, getAsOf: getters.get }
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
    const store = context.store<WindowRows<K, A>>(options.storeName)
    return {
      get: ({ key, window }) => store.fetch(key, window.start),
      getForwarded: (key) => store.getFlushed(key),
    }
  })
}

export function sessionAggregate<K, V, A>(
  windows: SessionWindows,
  fold: SessionFold<K, V, A>,
  options: WindowedTableOptions,
): TableOperator<K, V, Windowed<K>, A> {
  const make: Make<K, V, A> = (settings) => new SessionWindowAggregateProcessor(windows, fold, settings)
  return new WindowedTable(options, make, (context) => {
    const store = context.store<SessionStore<K, A> & FlushedRows<Windowed<K>, A>>(options.storeName)
    const rowOf = (value: A | null, timestamp: number) => (value === null ? null : { value, timestamp })
    return {
      get: ({ key, window }) => rowOf(store.fetchSession(key, window.start, window.end), window.end),
      getForwarded: (key) => rowOf(store.getFlushed(key), key.window.end),
    }
  })
}

type WindowRows<K, A> = WindowStore<K, ValueAndTimestamp<A>> & FlushedRows<Windowed<K>, ValueAndTimestamp<A>>
