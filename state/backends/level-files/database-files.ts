import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DamagedFileError } from './damaged-file.ts'

/*
 * The files of a LevelDB or RocksDB, which name them alike: CURRENT has the name of the manifest, and logs and tables have numbers.
 */

/** null: there is no database yet. @throws DamagedFileError */
export async function currentManifest(path: string, found: readonly string[]): Promise<string | null> {
  if (!found.includes('CURRENT')) {
    // It is written before the first log.
    if (found.some((name) => /^\d+\.(log|ldb|sst)$/.test(name))) throw new DamagedFileError('CURRENT', 'is missing')
    return null
  }
  const text = (await bytesOf(path, 'CURRENT')).toString('latin1')
  if (!/^MANIFEST-\d{6,}\n$/.test(text)) throw new DamagedFileError('CURRENT', 'names no manifest')
  return text.trimEnd()
}

/** Names of the logs that `isLive`, oldest first. */
export function logsOf(found: readonly string[], isLive: (number: number) => boolean): readonly string[] {
  return found
    .filter((name) => /^\d+\.log$/.test(name) && isLive(numberOf(name)))
    .sort((a, b) => numberOf(a) - numberOf(b))
}

/** A disk that cannot read a file has damaged it. */
export async function bytesOf(path: string, name: string): Promise<Buffer> {
  try {
    return await readFile(join(path, name))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EIO' || code === 'ENOENT')
      throw new DamagedFileError(name, `cannot be read: ${code}`, { cause: error })
    throw error
  }
}

export function numberOf(name: string): number {
  return Number.parseInt(name, 10)
}
