import { corrupted, explainError, levelCode, type StoreFiles } from './backend-error.ts'
import { DamagedFileError } from './level-files/damaged-file.ts'

/** The part of LevelDB and RocksDB that finds out whether somebody has the files open. */
interface Database {
  open(options: { readonly createIfMissing: boolean; readonly errorIfExists: boolean }): Promise<void>
  close(): Promise<void>
}

/**
 * Checks the files of a store before a database opens them. `check` throws DamagedFileError.
 * @throws StoreCorruptedError; StateDirectoryError when they are in use: files that are being written may look like anything
 */
export async function checkStoreFiles(
  files: StoreFiles,
  check: () => Promise<void>,
  newDatabase: () => Database,
): Promise<void> {
  try {
    await check()
  } catch (error) {
    if (!(error instanceof DamagedFileError)) throw explainError(error, 'open', files)
    const inUse = await lockedError(newDatabase())
    throw inUse === null ? corrupted(error.message, files, error) : explainError(inUse, 'open', files)
  }
}

/**
 * With these options a database takes its lock and then fails, in any case. It must not read files that are damaged: an assertion of the
 * database would end the process.
 */
async function lockedError(db: Database): Promise<unknown> {
  const failure: unknown = await db
    .open({ createIfMissing: false, errorIfExists: true })
    .catch((error: unknown) => error)
  await db.close()
  return levelCode(failure) === 'LEVEL_LOCKED' ? failure : null
}
