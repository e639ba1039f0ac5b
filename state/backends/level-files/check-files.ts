import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { filesOf } from '../store-directory.ts'
import { DamagedFileError } from './damaged-file.ts'
import { logRecords } from './log-file.ts'
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

const BATCH_HEADER = 12

/** @throws DamagedFileError */
export async function checkLevelFiles(path: string, { tables, known }: LevelFilesOptions): Promise<void> {
  const found = await filesOf(path)
  const current = await currentManifest(path, found)
  if (current === null) return
  const live = readManifest(current, await bytesOf(path, current))
  await checkLogs(path, found, live)
  if (tables) await checkTables(path, found, live, known)
}

/** null: there is no database yet. */
async function currentManifest(path: string, found: readonly string[]): Promise<string | null> {
  if (!found.includes('CURRENT')) {
    if (found.some((name) => /\.(ldb|sst)$/.test(name))) throw new DamagedFileError('CURRENT', 'is missing')
    return null
  }
  const text = (await bytesOf(path, 'CURRENT')).toString('latin1')
  if (!/^MANIFEST-\d{6,}\n$/.test(text)) throw new DamagedFileError('CURRENT', 'names no manifest')
  return text.trimEnd()
}

/** Invariant 2. */
async function checkLogs(path: string, found: readonly string[], live: LiveFiles): Promise<void> {
  const logs = found
    .filter((name) => /^\d+\.log$/.test(name))
    .filter((name) => numberOf(name) >= live.firstLog || numberOf(name) === live.previousLog)
    .sort((a, b) => numberOf(a) - numberOf(b))
  if (!logs.some((name) => numberOf(name) === live.firstLog)) {
    throw new DamagedFileError(`log ${live.firstLog}`, 'is missing')
  }
  let next: number | null = null
  let empty: string | null = null
  for (const name of logs) {
    let isEmpty = true
    for (const record of logRecords(name, await bytesOf(path, name))) {
      if (empty !== null) throw new DamagedFileError(empty, 'is empty, but not the last log')
      if (record.length < BATCH_HEADER) throw new DamagedFileError(name, 'has a record that is no batch')
      const sequence = Number(record.readBigUInt64LE(0))
      const isNext = next === null ? sequence <= live.lastSequence + 1 : sequence === next
      if (!isNext) throw new DamagedFileError(name, `misses batches before change ${sequence}`)
      next = sequence + record.readUInt32LE(8)
      isEmpty = false
    }
    if (isEmpty) empty = name
  }
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

/** A disk that cannot read a file has damaged it. */
async function bytesOf(path: string, name: string): Promise<Buffer> {
  try {
    return await readFile(join(path, name))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EIO' || code === 'ENOENT')
      throw new DamagedFileError(name, `cannot be read: ${code}`, { cause: error })
    throw error
  }
}

function numberOf(name: string): number {
  return Number.parseInt(name, 10)
}
