import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { isAlive } from './is-alive.ts'

/*
 * Owns one lock between processes: a small LevelDB directory, whose LOCK file LevelDB holds by fcntl.
 * 1. At most one process holds the lock, and one holder in a process.
 * 2. The lock vanishes with its process, however it dies: no lock is stale, and nobody removes one.
 * 3. The note belongs to the holder, who writes it right after it has the lock and removes it before it gives the lock back. It is for
 *    people; nothing is decided by it.
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
    await rm(join(this.#path, NOTE), { force: true })
    await this.#level.close()
  }
}

const NOTE_WAIT_MS = 500
const NOTE_RETRY_MS = 20

/** The note of the holder. It waits a moment for a holder that has not written it yet; null: there is none. */
export async function holderOf(path: string): Promise<HolderNote | null> {
  for (let waited = 0; ; waited += NOTE_RETRY_MS) {
    const note = await noteIn(path)
    // A holder that was killed has left its note behind, and the next one is about to replace it.
    if (note !== null && isAlive(note.pid)) return note
    if (waited >= NOTE_WAIT_MS) return null
    await new Promise((resolve) => setTimeout(resolve, NOTE_RETRY_MS))
  }
}

async function noteIn(path: string): Promise<HolderNote | null> {
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
