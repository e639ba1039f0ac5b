import { decodeRow, EncodableRow, type RawRow } from '../../../state/layers/row-codec.ts'
import type { StoreBackend } from '../../../state/ports/backend.ts'
import { rowBuffer } from '../../../state/ports/backend.ts'
import type { Headers } from '../../../state/ports/headers.ts'
import { bufferOf, type Serialized } from '../../../state/ports/serde.ts'

/*
 * The last record of each key of one topic partition, as a replay would have it. Keys are binary strings.
 * 1. flush() before rows() and before anything that was put is let go: what is pending may be views into fetched bytes.
 */
export class RowTable {
  readonly #backend: StoreBackend
  #pending = new Map<string, EncodableRow | null>()

  constructor(backend: StoreBackend) {
    this.#backend = backend
  }

  put(key: Serialized, value: Serialized | null, timestamp: number, headers: Headers): void {
    const name = bufferOf(key).toString('latin1')
    this.#pending.set(name, value === null ? null : new EncodableRow(value, timestamp, headers))
  }

  get(key: string): RawRow | null {
    const pending = this.#pending.get(key)
    if (pending !== undefined) return pending === null ? null : decodeRow(rowBuffer(pending))
    const row = this.#backend.get(key)
    return row === undefined ? null : decodeRow(row)
  }

  async flush(): Promise<void> {
    const writes = [...this.#pending].map(([key, row]) => ({ key, row }))
    this.#pending = new Map()
    if (writes.length > 0) await this.#backend.write(writes, 0)
  }

  async *rows(): AsyncIterable<readonly [key: string, row: RawRow]> {
    for await (const [key, row] of this.#backend.scan({})) yield [key, decodeRow(row)]
  }

  get size(): number {
    return this.#backend.approximateEntries()
  }

  close(): Promise<void> {
    return this.#backend.close()
  }
}
