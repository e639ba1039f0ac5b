import { StreamsTopologyError } from '../../state/ports/errors.ts'
import type { Dsl, GlobalTableHandle, StreamHandle, TableHandle } from './dsl.ts'
import type { GlobalKTable, KStream, KTable } from './types.ts'

const HANDLE = Symbol('handle')

/** Base of the classes behind the nouns of the DSL: keeps the handle out of the public interface. */
export abstract class Handled<H extends { readonly dsl: Dsl }> {
  readonly [HANDLE]: H

  constructor(handle: H) {
    this[HANDLE] = handle
  }

  protected get handle(): H {
    return this[HANDLE]
  }
}

/** @throws StreamsTopologyError when the stream was made by another builder. */
export function streamHandle<K, V>(stream: KStream<K, V>, dsl: Dsl): StreamHandle<K, V> {
  return read<StreamHandle<K, V>>(stream, dsl)
}

/** @throws StreamsTopologyError when the table was made by another builder. */
export function tableHandle<K, V>(table: KTable<K, V>, dsl: Dsl): TableHandle<K, V> {
  return read<TableHandle<K, V>>(table, dsl)
}

/** @throws StreamsTopologyError when the table was made by another builder. */
export function globalTableHandle<K, V>(table: GlobalKTable<K, V>, dsl: Dsl): GlobalTableHandle<K, V> {
  return read<GlobalTableHandle<K, V>>(table, dsl)
}

function read<H extends { readonly dsl: Dsl }>(object: object, dsl: Dsl): H {
  if (!(object instanceof Handled) || object[HANDLE].dsl !== dsl)
    throw new StreamsTopologyError('the other stream or table was made by another StreamsBuilder')
  return object[HANDLE] as H
}
