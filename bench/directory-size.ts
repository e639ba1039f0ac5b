import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

const MIB = 1024 * 1024

/** Size of all files under the directory, MiB. A file that goes away meanwhile counts nothing. */
export async function directoryMiB(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
  const sizes = await Promise.all(
    files.map((file) =>
      stat(file).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  )
  return Math.round(sizes.reduce((sum, size) => sum + size, 0) / MIB)
}
