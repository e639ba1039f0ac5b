import { noRoomError } from '../no-room.ts'
import { StateDirectoryError, StoreClosedError, StoreCorruptedError, StreamsError } from '../ports/errors.ts'

/** The store whose files these are. */
export interface StoreFiles {
  readonly taskId: string
  readonly storeName: string
  readonly path: string
}

/** Converts an error of LevelDB or RocksDB to one that says what the caller must do. Their bindings use the same codes. */
export function explainError(error: unknown, doing: 'open' | 'read' | 'write', files: StoreFiles): StreamsError {
  if (error instanceof StreamsError) return error
  const { path, storeName } = files
  const code = levelCode(error)
  if (code === 'LEVEL_CORRUPTION') return corrupted('is corrupted', files, error)
  if (code === 'LEVEL_LOCKED') {
    return new StateDirectoryError(`${path} is in use by another process or thread`, { cause: error })
  }
  const detail = error instanceof Error ? ((error.cause as Error | undefined)?.message ?? error.message) : String(error)
  // A file that the manifest names is missing.
  if (doing !== 'write' && detail.includes('No such file')) return corrupted(`misses files: ${detail}`, files, error)
  // Opening it again would not make room.
  const noRoom = noRoomError(path, error)
  if (noRoom !== null) return noRoom
  return doing === 'open'
    ? new StateDirectoryError(`cannot open ${path}: ${detail}`, { cause: error })
    : new StoreClosedError(storeName, `failed to ${doing}: ${detail}`, { cause: error })
}

export function corrupted(what: string, { taskId, storeName, path }: StoreFiles, cause?: unknown): StoreCorruptedError {
  return new StoreCorruptedError(taskId, storeName, `${path} ${what}`, { cause })
}

export function levelCode(error: unknown): string | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { code } = at as { code?: unknown }
    if (code === 'LEVEL_CORRUPTION' || code === 'LEVEL_LOCKED' || code === 'LEVEL_IO_ERROR') return code
  }
  return undefined
}
