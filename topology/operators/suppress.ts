import { StreamsConfigError } from '../../state/ports/errors.ts'
import type { Headers } from '../../state/ports/headers.ts'
import type { KeptNumber } from '../../state/ports/kept-number.ts'
import { bufferOf, type Serde, type Serialized } from '../../state/ports/serde.ts'
import type { ValueAndTimestamp } from '../../state/ports/stores.ts'
import type { Processor, ProcessorContext, ProcessorSupplier } from '../processor.ts'
import { record, type StreamRecord } from '../record.ts'
import { type Change, change } from './change.ts'
import { copyHeaders } from './headers-codec.ts'
import { OBSERVED } from './operator-times.ts'
import { type BufferedChange, SuppressBuffer, type SuppressStore } from './suppress-buffer.ts'
import type { TableOperator, TableParent, ValueGetter, ValueGetterSupplier } from './table-operator.ts'

export interface SuppressSettings<K> {
  /** How long (ms of stream time) after its buffer time a change is held. */
  readonly holdMs: number
  /** Buffer time of a change: the record's timestamp, or the end of the key's window. */
  readonly bufferTime: (key: K, timestamp: number) => number
  /** True when nothing was sent for a window before it closed, so that nothing has to be deleted. */
  readonly dropTombstones: boolean
  readonly maxRecords: number
  readonly maxBytes: number
  readonly whenFull: 'emit-early' | 'shut-down'
}

export interface SuppressOptions<K, V> {
  readonly parent: TableParent<K, V>
  readonly storeName: string
  readonly settings: SuppressSettings<K>
  readonly keySerde: () => Serde<K>
  readonly valueSerde: () => Serde<V>
}

/** Holds back the changes of a table and forwards only the last one of a period. */
export class Suppress<K, V> implements TableOperator<K, Change<V>, K, V> {
  readonly #options: SuppressOptions<K, V>

  constructor(options: SuppressOptions<K, V>) {
    this.#options = options
    // The prior value of a buffered key is the old value of its first change.
    options.parent.enableSendingOldValues(true)
  }

  readonly supplier: ProcessorSupplier<K, Change<V>, K, Change<V>> = () => new SuppressProcessor(this.#options)

  enableSendingOldValues(forceMaterialization: boolean): boolean {
    return this.#options.parent.enableSendingOldValues(forceMaterialization)
  }

  /** Shows the prior value of a key while its change is held back. */
  view(): ValueGetterSupplier<K, V> {
    const parent = this.#options.parent.view()
    const { storeName } = this.#options
    return {
      storeNames: [storeName, ...parent.storeNames],
      open(context): ValueGetter<K, V> {
        const store = context.store<SuppressStore<K, V>>(storeName)
        const getter = parent.open(context)
        const sent = (key: K, row: (key: K) => ValueAndTimestamp<V> | null): ValueAndTimestamp<V> | null => {
          const held = store.get(key)
          if (held === null) return row(key)
          return held.priorValue === null ? null : { value: held.priorValue, timestamp: -1 }
        }
        const get = (key: K) => sent(key, (one) => getter.get(one))
        return {
          versioned: false,
          get,
          getForwarded: (key) => sent(key, (one) => getter.getForwarded(one)),
          getAsOf: get,
        }
      },
    }
  }
}

class SuppressProcessor<K, V> implements Processor<K, Change<V>, K, Change<V>> {
  readonly #options: SuppressOptions<K, V>
  #context!: ProcessorContext<K, Change<V>>
  #buffer!: SuppressBuffer<K, V>
  #observed!: KeptNumber

  constructor(options: SuppressOptions<K, V>) {
    this.#options = options
  }

  init(context: ProcessorContext<K, Change<V>>): void {
    const { storeName, settings } = this.#options
    this.#context = context
    this.#observed = context.keptNumber(storeName, OBSERVED)
    const keySerde = this.#options.keySerde()
    const orderOf = (key: K): string => binary(keySerde.serialize(storeName, key))
    const sizeOf = settings.maxBytes === Number.POSITIVE_INFINITY ? null : this.#sizeOf(keySerde)
    this.#buffer = new SuppressBuffer(context.store<SuppressStore<K, V>>(storeName), orderOf, sizeOf)
    context.onIdleTick?.({
      due: () => this.#buffer.minTime + settings.holdMs,
      tick: (streamTime) => {
        this.#observed.advance(streamTime)
        this.#emitDue()
      },
    })
  }

  process({ key, value, timestamp, headers }: StreamRecord<K, Change<V>>): void {
    const { settings } = this.#options
    this.#observed.advance(timestamp)
    const { newValue, oldValue } = value
    this.#buffer.put(key, settings.bufferTime(key, timestamp), {
      newValue,
      oldValue,
      timestamp,
      headers: copyHeaders(headers),
    })
    this.#emitDue()
    if (!this.#isFull()) return
    if (settings.whenFull === 'shut-down')
      throw new StreamsConfigError(
        `${this.#context.nodeName} holds ${this.#buffer.records} changes of at most ${settings.maxRecords}, ` +
          `${this.#buffer.bytes} bytes of at most ${settings.maxBytes}: give it more room`,
      )
    while (this.#isFull()) this.#emitNext()
  }

  #emitDue(): void {
    const expiry = this.#observed.value - this.#options.settings.holdMs
    while (this.#buffer.minTime <= expiry) this.#emitNext()
  }

  #isFull(): boolean {
    const { maxRecords, maxBytes } = this.#options.settings
    return this.#buffer.records > 0 && (this.#buffer.records > maxRecords || this.#buffer.bytes > maxBytes)
  }

  #emitNext(): void {
    const taken = this.#buffer.take()
    if (taken === null) return
    const [key, { newValue, oldValue, timestamp, headers }] = taken
    if (newValue === null && this.#options.settings.dropTombstones) return
    this.#context.forward(record(key, change(newValue, oldValue), timestamp, headers))
  }

  /** Estimates like Kafka Streams: key, the three values (equal ones once), time, offset, partition, headers. */
  #sizeOf(keySerde: Serde<K>): (key: K, row: BufferedChange<V>) => number {
    const { storeName } = this.#options
    const valueSerde = this.#options.valueSerde()
    const size = (value: V | null): number => (value === null ? 0 : length(valueSerde.serialize(storeName, value)))
    return (key, { newValue, oldValue, priorValue, headers }) =>
      8 +
      length(keySerde.serialize(storeName, key)) +
      size(newValue) +
      size(priorValue) +
      (oldValue === priorValue ? 0 : size(oldValue)) +
      20 +
      headersSize(headers)
  }
}

function headersSize(headers: Headers): number {
  let size = 0
  for (const { key, value } of headers) size += key.length + (value?.length ?? 0)
  return size
}

function length(bytes: Serialized): number {
  return typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.length
}

function binary(bytes: Serialized): string {
  return bufferOf(bytes).toString('latin1')
}
