import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'

/*
 * Owns one lock between processes: a small LevelDB directory, whose LOCK file LevelDB holds by fcntl.
 * 1. At most one process holds the lock, and one holder in a process.
 * 2. The lock vanishes with its process, however it dies: no lock is stale, and nobody removes one.
 * 3. The note belongs to the holder. It is for people; nothing is decided by it.
 */

const NOTE = 'holder.json'

/** A holder's words about itself. */
export interface HolderNote {
  readonly pid: number
  /** Where it can be reached, when there is such a place. */
  readonly url?: string
}

export class ProcessLock {
  readonly #path: string
  readonly #level: ClassicLevel

  /** Takes the lock, or answers null at once when another holder has it. The directory is made when it is missing. */
  static async take(path: string, note: Omit<HolderNote, 'pid'> = {}): Promise<ProcessLock | null> {
    await mkdir(path, { recursive: true })
    const level = new ClassicLevel(path)
    try {
      await level.open()
    } catch (error) {
      if ((error as { cause?: { code?: string } }).cause?.code === 'LEVEL_LOCKED') return null
      throw error
    }
    const lock = new ProcessLock(path, level)
    await lock.say(note)
    return lock
  }

  private constructor(path: string, level: ClassicLevel) {
    this.#path = path
    this.#level = level
  }

  /** Replaces the note. */
  async say(note: Omit<HolderNote, 'pid'>): Promise<void> {
    await writeFile(join(this.#path, NOTE), JSON.stringify({ pid: process.pid, ...note }))
  }

  async release(): Promise<void> {
    await this.#level.close()
  }
}

/** The note of the present or the last holder; null when it is just being written. */
export async function holderOf(path: string): Promise<HolderNote | null> {
  try {
    return JSON.parse(await readFile(join(path, NOTE), 'utf8')) as HolderNote
  } catch {
    return null
  }
}

const RETRY_MS = 200

/** Runs `work` while it holds the lock. It waits for another holder; `onWait` is called once when waiting begins. */
export async function withProcessLock<T>(path: string, onWait: () => void, work: () => Promise<T>): Promise<T> {
  let told = false
  for (;;) {
    const lock = await ProcessLock.take(path)
    if (lock !== null) return work().finally(() => lock.release())
    if (!told) onWait()
    told = true
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
}
