import { cp, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Copies a folder whose files may change, as it was at one moment: repeats until nothing changed. */
export async function copyOfOpen(from: string, to: string): Promise<void> {
  for (;;) {
    const before = await listing(from)
    try {
      await cp(from, to, { recursive: true })
    } catch (error) {
      // Compaction has removed a file in between.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
    if (before === (await listing(from)) && before === (await listing(to))) return
    await rm(to, { recursive: true, force: true })
  }
}

async function listing(path: string): Promise<string> {
  const sizes: string[] = []
  for (const name of (await readdir(path)).sort()) {
    // A file that was removed has no size.
    const size = await stat(join(path, name)).then(
      (found) => found.size,
      () => -1,
    )
    sizes.push(`${name} ${size}`)
  }
  return sizes.join('\n')
}
