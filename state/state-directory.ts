/*
 * Owns: STATE_DIR/<application.id>, its process lock and its identity.
 *
 * Layout: `.meta` (a small LevelDB: format, process id, replay epoch, boot; its LOCK is the process lock), `<task>/<store>`
 * (level stores).
 *
 * Invariants
 * 1. One process owns the directory (architecture 8). LevelDB holds the lock by fcntl: it vanishes with the
 *    process, however it dies.
 * 2. Nothing found here is ever wiped: a directory that is not ours, or newer than we are, stops with StateDirectoryError.
 *    removeTask() is for state of this application whose changelogs have it all. adoptEpoch() does it when the application was
 *    replayed, open() when invariant 5 wants it.
 * 3. removeTask() moves the directory away before it deletes it: a crash half way never leaves part of a store.
 * 4. The process id is made once, is on disk (fsync) before open() resolves, and never changes.
 * 5. Stores are not fsynced while they are used: a process that dies loses nothing, a machine that dies may leave any page of any file
 *    unwritten. So while the directory is open a mark says since which boot of the machine; close() removes it once all files are on
 *    disk. open() trusts no store that was marked in an earlier boot.
 */
import { randomUUID } from 'node:crypto'
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { noRoomError } from './no-room.ts'
import { StateDirectoryError, StreamsConfigError } from './ports/errors.ts'

const FORMAT = '1'
const META = '.meta'
/** Prefix of directories that are being deleted. */
const REMOVED = '.removed-'
const REPLAY_EPOCH = 'replay-epoch'
const IN_USE_SINCE_BOOT = 'in-use-since-boot'
/** Files synced at a time. */
const SYNC_WIDTH = 16

export interface StateDirectoryOptions {
  /** STATE_DIR */
  readonly stateDir: string
  readonly applicationId: string
  /** Names the time from one start of the machine to the next. Without it invariant 5 is nobody's: for state that is not kept. */
  readonly bootId?: string | undefined
}

export class StateDirectory {
  /** STATE_DIR/<application.id>, absolute: what levelBackends() takes. */
  readonly path: string
  /** UUID of this installation: stays over restarts, names the transactional ids and the group instance. */
  readonly processId: string
  /** Tasks whose state open() removed: it was in use when the machine went down. */
  readonly distrusted: readonly string[]
  readonly #meta: ClassicLevel
  readonly #isMarked: boolean

  /** Locks the directory, creates it when missing. Throws StateDirectoryError (foreign, newer, or in use). */
  static async open({ stateDir, applicationId, bootId }: StateDirectoryOptions): Promise<StateDirectory> {
    if (!/^[A-Za-z0-9._-]+$/.test(applicationId) || /^\.+$/.test(applicationId)) {
      throw new StreamsConfigError(`application id "${applicationId}" may hold letters, digits, ".", "_" and "-" only`)
    }
    const path = resolve(stateDir, applicationId)
    const found = await entriesOf(path)
    if (found.length > 0 && !found.includes(META)) {
      throw new StateDirectoryError(
        `${path} is not empty and was not made by ride-streams: choose another state directory`,
      )
    }
    const meta = new ClassicLevel(join(path, META), { keyEncoding: 'utf8', valueEncoding: 'utf8' })
    try {
      await meta.open()
    } catch (error) {
      throw explain(path, error)
    }
    try {
      const processId = await identify(path, meta, found)
      for (const name of found) if (name.startsWith(REMOVED)) await rm(join(path, name), { recursive: true })
      const distrusted = bootId === undefined ? [] : await useInBoot(bootId, path, meta)
      return new StateDirectory({ path, processId, distrusted, meta, isMarked: bootId !== undefined })
    } catch (error) {
      await meta.close()
      throw noRoomError(path, error) ?? error
    }
  }

  private constructor(opened: {
    readonly path: string
    readonly processId: string
    readonly distrusted: readonly string[]
    readonly meta: ClassicLevel
    readonly isMarked: boolean
  }) {
    this.path = opened.path
    this.processId = opened.processId
    this.distrusted = opened.distrusted
    this.#meta = opened.meta
    this.#isMarked = opened.isMarked
  }

  /** Tasks that have data here, for the assignor. */
  async taskIds(): Promise<readonly string[]> {
    return await taskIdsIn(this.path)
  }

  /** Removes what a task has here. None of its stores may be open. @throws StateDirectoryError */
  async removeTask(taskId: string): Promise<void> {
    await removeTaskIn(this.path, taskId)
  }

  /** Stores that are older than the last replay (epoch ms) are removed, and will be restored. No store may be open. */
  async adoptEpoch(epoch: number): Promise<void> {
    const known = Number((await this.#meta.get(REPLAY_EPOCH)) ?? 0)
    if (epoch <= known) return
    for (const id of await this.taskIds()) await this.removeTask(id)
    // Written last: if the process is killed before, the work is repeated.
    try {
      await this.#meta.put(REPLAY_EPOCH, String(epoch), { sync: true })
    } catch (error) {
      throw noRoomError(this.path, error) ?? error
    }
  }

  /** Releases the lock. All stores must be closed. */
  async close(): Promise<void> {
    try {
      if (this.#isMarked) {
        await syncTasks(this.path)
        await this.#meta.del(IN_USE_SINCE_BOOT, { sync: true })
      }
    } finally {
      await this.#meta.close()
    }
  }
}

/** Invariant 5. The mark comes last: killed before, the tasks are removed again. */
async function useInBoot(bootId: string, path: string, meta: ClassicLevel): Promise<readonly string[]> {
  const markedIn = await meta.get(IN_USE_SINCE_BOOT)
  const distrusted = markedIn === undefined || markedIn === bootId ? [] : await taskIdsIn(path)
  for (const taskId of distrusted) await removeTaskIn(path, taskId)
  await meta.put(IN_USE_SINCE_BOOT, bootId, { sync: true })
  return distrusted
}

async function taskIdsIn(path: string): Promise<readonly string[]> {
  return (await entriesOf(path)).filter((name) => /^\d+_\d+$/.test(name)).sort()
}

async function removeTaskIn(path: string, taskId: string): Promise<void> {
  const trash = join(path, `${REMOVED}${taskId}`)
  try {
    await rm(trash, { recursive: true, force: true })
    await rename(join(path, taskId), trash)
    await rm(trash, { recursive: true, force: true })
  } catch (error) {
    throw new StateDirectoryError(`cannot remove ${join(path, taskId)}: ${(error as Error).message}`, { cause: error })
  }
}

/** Writes everything of the tasks to disk, names included. */
async function syncTasks(path: string): Promise<void> {
  const paths = [path]
  for (const taskId of await taskIdsIn(path)) {
    const entries = await readdir(join(path, taskId), { recursive: true })
    paths.push(join(path, taskId), ...entries.map((entry) => join(path, taskId, entry)))
  }
  for (let at = 0; at < paths.length; at += SYNC_WIDTH) await Promise.all(paths.slice(at, at + SYNC_WIDTH).map(sync))
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

async function entriesOf(path: string): Promise<readonly string[]> {
  try {
    await mkdir(path, { recursive: true })
    return await readdir(path)
  } catch (error) {
    const noRoom = noRoomError(path, error)
    if (noRoom !== null) throw noRoom
    const { message } = error as Error
    throw new StateDirectoryError(`cannot use ${path} as state directory: ${message}`, { cause: error })
  }
}

async function identify(path: string, meta: ClassicLevel, found: readonly string[]): Promise<string> {
  const format = await meta.get('format')
  const processId = await meta.get('process-id')
  if (format === FORMAT && processId !== undefined) return processId
  if (format !== undefined && format !== FORMAT) {
    throw new StateDirectoryError(`${path} has format ${format}, this version knows ${FORMAT}: use the newer version`)
  }
  // A crash during the very first open leaves an empty .meta and nothing else; that may be completed.
  if (format !== undefined || found.some((name) => name !== META)) {
    throw new StateDirectoryError(`${path} has stores but no format marker: choose another state directory`)
  }
  const fresh = randomUUID()
  await meta.batch(
    [
      { type: 'put', key: 'format', value: FORMAT },
      { type: 'put', key: 'process-id', value: fresh },
    ],
    { sync: true },
  )
  return fresh
}

function explain(path: string, error: unknown): StateDirectoryError {
  const noRoom = noRoomError(path, error)
  if (noRoom !== null) return noRoom
  const cause = (error as { cause?: { code?: string; message?: string } }).cause
  const message =
    cause?.code === 'LEVEL_LOCKED'
      ? `${path} is in use by another process, or by another instance in this one`
      : `cannot read ${path}: ${cause?.message ?? String(error)}`
  return new StateDirectoryError(message, { cause: error })
}
