import { StreamsTopologyError } from '../../state/ports/errors.ts'
import { NO_HEADERS } from '../../state/ports/headers.ts'
import type { KeptNumber } from '../../state/ports/kept-number.ts'
import type { FlushedChange, ManagedStore, StoreContext } from '../../state/ports/managed-store.ts'
import type { StateStore } from '../../state/ports/stores.ts'
import { answerOf } from '../../state/ports/thenable.ts'
import type { ProcessorNode } from '../../topology/plan.ts'
import type { Unused } from '../../topology/sync.ts'
import type { FailedRecords } from './failed-records.ts'
import type { StreamTaskOptions } from './stream-task-options.ts'
import type { TaskEnvironment } from './task-node.ts'

type Options = Pick<StreamTaskOptions, 'globalStores' | 'numbers'>
type Task = Pick<TaskEnvironment, 'id' | 'current'> & StoreContext & { readonly failed: FailedRecords }
type OnFlush = (change: FlushedChange<unknown, unknown>) => void

/*
 * Owns the restored stores of one running task, as its processors reach them.
 * 1. A processor reaches the stores it is connected to, and global ones; no other.
 * 2. Stores stand in topological order of their subtopology: what one of them forwards at a flush, a later one takes.
 * 3. Processors forward what they have gathered for a commit when the stores have flushed, and what stores hold back of that follows.
 */
export class ConnectedStores {
  readonly all: ManagedStore[] = []
  readonly #byName = new Map<string, ManagedStore>()
  readonly #options: Options
  readonly #task: Task
  /** Stream times up to which operators have closed windows by the clock. */
  readonly #closed: KeptNumber[] = []
  /** Node and listener of processors that gather (invariant 3). */
  readonly #gathering: (readonly [node: string, listener: () => Unused])[] = []

  constructor(options: Options, task: Task) {
    this.#options = options
    this.#task = task
  }

  add(stores: readonly ManagedStore[]): void {
    for (const store of stores) {
      this.all.push(store)
      this.#byName.set(store.name, store)
    }
  }

  /** @throws StreamsTopologyError when the processor is not connected to it */
  apiFor(node: ProcessorNode, name: string): StateStore {
    return this.#options.globalStores?.get(name) ?? this.#connected(node, name).api
  }

  /** @throws StreamsTopologyError when the processor is not connected to the store */
  keptNumber(node: ProcessorNode, storeName: string, name: string): KeptNumber {
    const number = this.#connected(node, storeName).kept(name)
    // Earlier versions kept it in the offsets' metadata. The first commit writes it with the store.
    number.advance(this.#options.numbers?.get(`${node.name}.${name}`) ?? -1)
    if (name === 'closed') this.#closed.push(number)
    return number
  }

  /** Time up to which windows of any store are closed; at least `before`. */
  closedUpTo(before: number): number {
    let closed = before
    for (const { value } of this.#closed) if (value > closed) closed = value
    return closed
  }

  onFlush(storeName: string, listener: OnFlush): void {
    const store = this.#byName.get(storeName)
    const task = this.#task
    if (store === undefined) throw new StreamsTopologyError(`there is no store named ${storeName} in task ${task.id}`)
    store.onFlush((change) => {
      // A flushed row is processed as part of the record that caused it.
      const before = task.current
      task.current = { key: change.key, value: change.newValue, timestamp: change.timestamp, headers: change.headers }
      listener(change)
      task.current = before
    })
  }

  /**
   * Forwards what caching stores hold back (invariant 2).
   * @throws UserCodeError when a node behind a store throws: it names both
   */
  flush(): void {
    this.#flushStores()
    for (const [node, listener] of this.#gathering) {
      this.#askFor(node, listener)
      this.#flushStores()
    }
  }

  /** Calls the listener before each commit. */
  beforeCommit(node: string, listener: () => Unused): void {
    this.#gathering.push([node, listener])
  }

  #askFor(node: string, listener: () => Unused): void {
    const task = this.#task
    task.current = { key: null, value: null, timestamp: Math.max(task.streamTime(), 0), headers: NO_HEADERS }
    try {
      answerOf('it', listener())
    } catch (error) {
      throw task.failed.blameNode('for what it had gathered before a commit', error, node)
    } finally {
      task.current = null
    }
  }

  #flushStores(): void {
    for (const store of this.all) {
      try {
        store.flush()
      } catch (error) {
        this.#task.current = null
        throw this.#task.failed.blameNode(`for the rows that store ${store.name} held back`, error)
      }
    }
  }

  discard(): void {
    for (const store of this.all) store.discard()
  }

  #connected(node: ProcessorNode, name: string): ManagedStore {
    const store = this.#byName.get(name)
    if (store === undefined || !node.stores.includes(name)) {
      throw new StreamsTopologyError(
        `processor ${node.name} has no access to store ${name}: connect them in the topology`,
      )
    }
    return store
  }
}
