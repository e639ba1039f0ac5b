import { type StoreCorruptedError, StreamsConfigError } from '../../state/ports/errors.ts'
import type { ManagedStore, StoreContext } from '../../state/ports/managed-store.ts'
import type { StoreSpec } from '../../state/ports/store-spec.ts'
import type { Plan, Subtopology } from '../../topology/plan.ts'
import type { Changelog } from '../restore/changelog-reader.ts'
import { parseTaskId } from './task-id.ts'

/** A store of a task and where its changes are logged (null: nowhere). */
export interface OpenStore {
  readonly store: ManagedStore
  readonly changelogTopic: string | null
  /** The source topic whose records are its rows. */
  readonly sourceTopic?: string | undefined
}

/** Opens the store of a task on its backend. Implemented by state/, a parameter so that tests can wrap it. */
export type StoreOpener = (taskId: string, spec: StoreSpec, context: StoreContext) => Promise<ManagedStore>

/*
 * Opens the stores of a task, active or standby.
 * 1. A store that was found corrupt is emptied at its next opening, and so restored from the beginning.
 * 2. A task whose stores cannot all be opened leaves none open.
 */
export class TaskStores {
  readonly #plan: Plan
  readonly #openStore: StoreOpener
  readonly #corrupted = new Set<string>()

  constructor(plan: Plan, openStore: StoreOpener) {
    this.#plan = plan
    this.#openStore = openStore
  }

  rebuild({ taskId, storeName }: StoreCorruptedError): void {
    this.#corrupted.add(`${taskId}/${storeName}`)
  }

  async open(id: string, context: StoreContext): Promise<readonly OpenStore[]> {
    const stores: OpenStore[] = []
    try {
      for (const { spec, changelogTopic, sourceTopic } of this.subtopology(id).stores) {
        const store = await this.#openStore(id, spec, context)
        stores.push({ store, changelogTopic, sourceTopic })
        if (this.#corrupted.delete(`${id}/${spec.name}`)) await store.wipe()
      }
      return stores
    } catch (error) {
      await closeStores(stores)
      throw error
    }
  }

  subtopology(id: string): Subtopology {
    const { subtopology } = parseTaskId(id)
    const found = this.#plan.subtopologies.find((candidate) => candidate.id === subtopology)
    if (found === undefined)
      throw new StreamsConfigError(`task ${id} is not in this topology: members run different versions`)
    return found
  }
}

/** The changelogs of a task's stores, as far as there are any. */
export function changelogsOf(id: string, stores: readonly OpenStore[]): Changelog[] {
  const { partition } = parseTaskId(id)
  return stores.flatMap(({ store, changelogTopic }) =>
    changelogTopic === null ? [] : [{ taskId: id, topic: changelogTopic, partition, store }],
  )
}

/** Closes all of them, whatever happens to one. Nothing is lost by an error here: everything committed is in the log. */
export async function closeStores(stores: readonly OpenStore[]): Promise<readonly unknown[]> {
  const outcomes = await Promise.allSettled(stores.map(({ store }) => store.close()))
  return outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
}
