import { readFile, rm, writeFile } from 'node:fs/promises'

const RETRY_MS = 200

/** True while a process with that id exists (also one of another user). */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * Runs `work` while it holds a lock file that names this process. It waits for another holder, and takes over from a dead one.
 * `onWait` is called once when waiting begins.
 */
export async function withFileLock<T>(path: string, onWait: () => void, work: () => Promise<T>): Promise<T> {
  let told = false
  while (!(await take(path))) {
    if (!told) onWait()
    told = true
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
  try {
    return await work()
  } finally {
    await rm(path, { force: true })
  }
}

async function take(path: string): Promise<boolean> {
  try {
    await writeFile(path, `${process.pid}\n`, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const holder = Number(await readFile(path, 'utf8').catch(() => ''))
  // An empty file is a holder between creating and writing; a dead one left its lock behind.
  if (holder > 0 && !isAlive(holder)) await rm(path, { force: true })
  return false
}
