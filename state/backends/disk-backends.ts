import type { BackendFactory, DiskBackend, StateBackend } from '../ports/backend.ts'
import type { StoreSpec } from '../ports/store-spec.ts'
import { type LevelBackendsOptions, levelBackends } from './level.ts'
import { rocksdbBackends } from './rocksdb.ts'

/**
 * The backends that come with the engine and keep their rows on disk. `directory` is StateDirectory.path.
 * @throws MissingPackageError when the package of the backend is not installed
 */
export function diskBackends(kind: DiskBackend, directory: string, options: LevelBackendsOptions = {}): BackendFactory {
  return kind === 'level' ? levelBackends(directory, options) : rocksdbBackends(directory, options)
}

/** The kind on disk that a store has chosen, or has by default; null: memory, or a backend of the user's own. */
export function diskBackendOf({ backend }: Pick<StoreSpec, 'backend'>, byDefault: StateBackend): DiskBackend | null {
  const choice = backend ?? byDefault
  return typeof choice === 'string' && choice !== 'memory' ? choice : null
}
