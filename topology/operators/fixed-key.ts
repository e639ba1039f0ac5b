import { StreamsTopologyError } from '../../state/ports/errors.ts'
import { answerOf } from '../../state/ports/thenable.ts'
import type { FixedKeyProcessor, ProcessorContext, ProcessorSupplier } from '../processor.ts'
import type { StreamRecord } from '../record.ts'
import { DelegatingContext } from './delegating-context.ts'

/** Key of the current record; undefined while a punctuator runs, which may forward any key it has kept. */
interface CurrentKey {
  current: { readonly key: unknown } | undefined
}

class KeyGuard<K, V> extends DelegatingContext<K, V> {
  readonly #key: CurrentKey

  constructor(inner: ProcessorContext<K, V>, key: CurrentKey) {
    super(inner)
    this.#key = key
  }

  override forward(record: StreamRecord<K, V>, childName?: string): void {
    const { current } = this.#key
    if (current !== undefined && !Object.is(current.key, record.key))
      throw new StreamsTopologyError(`${this.nodeName} is a processValues step and must not change the key`)
    this.inner.forward(record, childName)
  }
}

/** Guards a processor that promised to keep the key: forwarding a record with another key throws. */
class FixedKey<K, V, VR> implements FixedKeyProcessor<K, V, VR> {
  readonly #inner: FixedKeyProcessor<K, V, VR>
  readonly #key: CurrentKey = { current: undefined }
  #node = ''

  constructor(inner: FixedKeyProcessor<K, V, VR>) {
    this.#inner = inner
  }

  init(context: ProcessorContext<K, VR>): void {
    this.#node = context.nodeName
    const inner = answerOf('the supplier of', this.#inner, this.#node)
    answerOf<unknown>('init() of', inner.init?.(new KeyGuard(context, this.#key)), this.#node)
  }

  process(input: StreamRecord<K, V>): void {
    this.#key.current = input
    try {
      answerOf<unknown>('process() of', this.#inner.process(input), this.#node)
    } finally {
      this.#key.current = undefined
    }
  }

  close(): void {
    answerOf<unknown>('close() of', this.#inner.close?.(), this.#node)
  }
}

export function fixedKey<K, V, VR>(supplier: () => FixedKeyProcessor<K, V, VR>): ProcessorSupplier<K, V, K, VR> {
  return () => new FixedKey(supplier())
}
