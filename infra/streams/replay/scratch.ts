import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { TopicPartition } from '../../../runtime/ports/log.ts'
import type { RecordSink } from '../../../runtime/replay/rebuild-options.ts'
import type { StoreOpener } from '../../../runtime/task/task-stores.ts'
import { ChosenBackends } from '../../../state/backends/chosen-backends.ts'
import { diskBackends } from '../../../state/backends/disk-backends.ts'
import { memoryBackends } from '../../../state/backends/memory.ts'
import { backendOptions, createStore } from '../../../state/create-store.ts'
import { CacheBudget } from '../../../state/layers/cache-budget.ts'
import type { BackendFactory, StateBackend } from '../../../state/ports/backend.ts'
import { partitionKey, partitionName } from '../../../state/ports/topic-partition.ts'
import { StateDirectory } from '../../../state/state-directory.ts'
import { RowTable } from './row-table.ts'

export interface ScratchOptions {
  readonly stateDir: string
  readonly stateBackend: StateBackend
  /** Id of the rebuild, not of the application: its stores are under a name of their own. */
  readonly applicationId: string
  readonly cacheBytes: number
}

/*
 * Where a rebuild keeps its stores, and what it would write: STATE_DIR/<id of the rebuild>.
 * 1. The lock of the directory lets one rebuild run at a time here. What an earlier one left behind is thrown away.
 * 2. Nothing of it is ever used again: close() removes it.
 */
export class Scratch {
  readonly #directory: StateDirectory
  readonly #backends: BackendFactory
  readonly #chosen: ChosenBackends
  readonly #cache: CacheBudget
  readonly #tables = new Map<string, RowTable>()

  /** Throws StateDirectoryError when another rebuild runs here. */
  static async open(options: ScratchOptions): Promise<Scratch> {
    const directory = await StateDirectory.open(options)
    const scratch = new Scratch(directory, options)
    await scratch.#clear()
    return scratch
  }

  private constructor(directory: StateDirectory, { stateBackend, cacheBytes }: ScratchOptions) {
    this.#directory = directory
    this.#chosen = new ChosenBackends({
      directory: directory.path,
      byDefault: stateBackend,
      disk: (kind) => diskBackends(kind, directory.path),
      memory: memoryBackends,
    })
    this.#backends = this.#chosen.of({ name: 'rows' })
    this.#cache = new CacheBudget(cacheBytes)
  }

  readonly openStore: StoreOpener = async (taskId, spec, context) => {
    const backend = await this.#chosen.of(spec).open(taskId, spec.name, backendOptions(spec))
    return createStore(spec, backend, context, { cache: this.#cache })
  }

  /** Keeps the last record of each key; records without a key are not rows. The table must be open. */
  readonly keep: RecordSink = (at, key, value, timestamp, headers) => {
    if (key !== null) this.table(at).put(key, value, timestamp, headers)
  }

  /** Makes room for the rows of these partitions. */
  async openTables(partitions: readonly TopicPartition[]): Promise<void> {
    for (const at of partitions) {
      if (this.#tables.has(partitionKey(at))) continue
      const backend = await this.#backends.open(`0_${at.partition}`, `rows-of.${at.topic}`, { keyIndex: false })
      this.#tables.set(partitionKey(at), new RowTable(backend))
    }
  }

  table(at: TopicPartition): RowTable {
    const table = this.#tables.get(partitionKey(at))
    if (table === undefined) throw new RangeError(`there is no table for ${partitionName(at)}`)
    return table
  }

  async flush(): Promise<void> {
    for (const table of this.#tables.values()) await table.flush()
  }

  /** All tables are empty and closed; stores must have been closed. */
  async reset(): Promise<void> {
    for (const table of this.#tables.values()) await table.close()
    this.#tables.clear()
    await this.#clear()
  }

  async close(): Promise<void> {
    try {
      await this.reset()
    } finally {
      await this.#directory.close()
    }
    await rm(this.#directory.path, { recursive: true, force: true })
  }

  async #clear(): Promise<void> {
    for (const id of await this.#directory.taskIds()) {
      await rm(join(this.#directory.path, id), { recursive: true, force: true })
    }
  }
}
