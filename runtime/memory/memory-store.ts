import { memoryBackend } from '../../state/backends/memory.ts'
import { backendOptions, createStore } from '../../state/create-store.ts'
import type { ManagedStore, StoreContext } from '../../state/ports/managed-store.ts'
import type { StoreSpec } from '../../state/ports/store-spec.ts'

/** A store of a test: it is in memory, and fails when code changes a value that it gave to the store as immutable. */
export function memoryStore(spec: StoreSpec, context: StoreContext, onDropped: (reason: string) => void): ManagedStore {
  const options = { onDropped, freezesImmutable: true }
  return createStore(spec, memoryBackend(spec.name, backendOptions(spec)), context, options)
}
