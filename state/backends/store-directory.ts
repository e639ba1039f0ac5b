import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { StreamsConfigError } from '../ports/errors.ts'

/** Where a store has its files. Names become directory names unchanged, so that a person finds them. @throws StreamsConfigError */
export function storeDirectory(directory: string, taskId: string, storeName: string): string {
  return join(directory, safe(taskId), safe(storeName))
}

/** Names of the files in a store's directory; none when there is no directory. */
export async function filesOf(path: string): Promise<readonly string[]> {
  try {
    return await readdir(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Removes what a crash in wipe() has left behind. */
export async function clearWiped(path: string): Promise<void> {
  await rm(trashOf(path), { recursive: true, force: true })
}

/** Moves the directory away before it deletes it: a crash half way never leaves part of the rows. */
export async function wipe(path: string): Promise<void> {
  await clearWiped(path)
  try {
    await rename(path, trashOf(path))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  await clearWiped(path)
}

function trashOf(path: string): string {
  return `${path}.wiped`
}

function safe(name: string): string {
  if (!/^[A-Za-z0-9._-]+$/.test(name) || name.startsWith('.') || name.endsWith('.wiped')) {
    throw new StreamsConfigError(`"${name}" cannot name a directory: use letters, digits, ".", "_" and "-"`)
  }
  return name
}
