import { filesOf } from '../store-directory.ts'
import { checkBatches } from './batches.ts'
import { DamagedFileError } from './damaged-file.ts'
import { bytesOf, currentManifest, logsOf, numberOf } from './database-files.ts'
import { type LiveFiles, readManifest } from './manifest.ts'
import { checkTable } from './table.ts'

/*
 * Checks whether the files of a LevelDB that nobody has open hold all that was written, up to some batch.
 * 1. Every byte that LevelDB would use is compared with the checksum beside it: manifest, live logs, live tables.
 * 2. No batch in the middle is missing: sequence numbers continue without a gap from the manifest through all live logs. A batch
 *    that is missing at the end of the newest log makes the store older, rows and position together.
 * 3. Tables are written once, so a table that was found intact is not read again.
 */
export interface LevelFilesOptions {
  /** Check the tables, too: logs and manifest are a few MiB, while tables hold all rows. */
  readonly tables: boolean
  /** Tables found intact so far, by name. Each call adds to them and removes those that are gone. */
  readonly known: Set<string>
}

/** @throws DamagedFileError */
export async function checkLevelFiles(path: string, { tables, known }: LevelFilesOptions): Promise<void> {
  const found = await filesOf(path)
  const current = await currentManifest(path, found)
  if (current === null) return
  const live = readManifest(current, await bytesOf(path, current))
  await checkLogs(path, found, live)
  if (tables) await checkTables(path, found, live, known)
}

/** Invariant 2. */
async function checkLogs(path: string, found: readonly string[], live: LiveFiles): Promise<void> {
  const logs = logsOf(found, (number) => number >= live.firstLog || number === live.previousLog)
  if (!logs.some((name) => numberOf(name) === live.firstLog)) {
    throw new DamagedFileError(`log ${live.firstLog}`, 'is missing')
  }
  await checkBatches(path, logs, (sequence) => sequence <= live.lastSequence + 1)
}

/** Invariant 3. */
async function checkTables(path: string, found: readonly string[], live: LiveFiles, known: Set<string>): Promise<void> {
  const names = new Map(found.filter((name) => /^\d+\.(ldb|sst)$/.test(name)).map((name) => [numberOf(name), name]))
  for (const [number, size] of live.tables) {
    const name = names.get(number)
    if (name === undefined) throw new DamagedFileError(`table ${number}`, 'is missing')
    if (known.has(name)) continue
    const bytes = await bytesOf(path, name)
    if (bytes.length !== size) throw new DamagedFileError(name, `has ${bytes.length} bytes of ${size}`)
    checkTable(name, bytes)
    known.add(name)
  }
  for (const name of known) if (!live.tables.has(numberOf(name))) known.delete(name)
}
