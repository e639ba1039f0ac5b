import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { diskBackends } from '../../state/backends/disk-backends.ts'
import { levelBackends } from '../../state/backends/level.ts'
import { logRecords } from '../../state/backends/level-files/log-file.ts'
import { rocksdbBackends } from '../../state/backends/rocksdb.ts'
import type { BackendWrite, StoreBackend } from '../../state/ports/backend.ts'
import { StateDirectoryError, StoreCorruptedError } from '../../state/ports/errors.ts'
import { copyOfOpen } from '../support/copy-of-open.ts'
import { Random } from '../support/random.ts'

const directory = mkdtempSync(join(tmpdir(), 'ride-streams-missing-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const HEADER = 7
const BATCHES = 8

/** Each batch changes some rows of the ones before it, so a batch that is missing below a newer one leaves an older row. */
const batch = (position: number): BackendWrite[] => [
  { key: `a${position % 3}`, row: Buffer.from(`a${position}`) },
  { key: `b${position}`, row: Buffer.alloc(100, position) },
  { key: `b${position - 4}`, row: null },
]

function rowsAt(position: number): Map<string, string> {
  const rows = new Map<string, string>()
  for (let each = 1; each <= position; each++) {
    for (const { key, row } of batch(each)) {
      if (row === null) rows.delete(key)
      else rows.set(key, row.toString())
    }
  }
  return rows
}

async function rowsOf(store: StoreBackend): Promise<Map<string, string>> {
  const rows = new Map<string, string>()
  for await (const [key, row] of store.scan({})) rows.set(key, row.toString())
  return rows
}

/** Where each record ends. All of them are in one block. */
function recordEnds(name: string, bytes: Buffer): number[] {
  let at = 0
  return Array.from(logRecords(name, bytes), (record) => (at += HEADER + record.length))
}

describe.each(['level', 'rocksdb'] as const)('a store of %s', (kind) => {
  const backends = diskBackends(kind, directory)
  const pathOf = (task: string): string => join(directory, task, 'store')
  const open = (task: string): Promise<StoreBackend> => backends.open(task, 'store', { keyIndex: false })
  let tasks = 0
  const nextTask = (): string => `${kind === 'level' ? 0 : 1}_${tasks++}`

  /** Files as kill -9 leaves them: `flushed` batches in a table, the others in the log. */
  async function killed(flushed: number): Promise<string> {
    const [task, copy] = [nextTask(), nextTask()]
    let store = await open(task)
    for (let position = 1; position <= BATCHES; position++) {
      await store.write(batch(position), position)
      if (position !== flushed) continue
      await store.close()
      store = await open(task)
    }
    await copyOfOpen(pathOf(task), pathOf(copy))
    await store.close()
    return copy
  }

  /** The newest one: a file that is no longer needed may be there for a moment more. */
  const fileOf = (task: string, pattern: RegExp): string =>
    readdirSync(pathOf(task))
      .filter((name) => pattern.test(name))
      .sort()
      .at(-1) ?? ''

  /** A copy of a store, with some files written anew. */
  function copyWith(task: string, files: Readonly<Record<string, Buffer>>): string {
    const copy = nextTask()
    cpSync(pathOf(task), pathOf(copy), { recursive: true })
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(pathOf(copy), name), bytes)
    return copy
  }

  /** Writes the batches behind the position of the store, which the restore reads from the changelog. */
  async function goesOn(task: string): Promise<void> {
    let store = await open(task)
    for (let position = (store.position() ?? 0) + 1; position <= BATCHES; position++) {
      await store.write(batch(position), position)
    }
    expect([store.position(), await rowsOf(store)]).toEqual([BATCHES, rowsAt(BATCHES)])
    await store.close()
    store = await open(task)
    expect([store.position(), await rowsOf(store)]).toEqual([BATCHES, rowsAt(BATCHES)])
    await store.close()
  }

  it('whose newest log lost batches at its end is as of an earlier position, and goes on from there', async () => {
    const task = await killed(3)
    const name = fileOf(task, /\.log$/)
    const log = readFileSync(join(pathOf(task), name))
    const ends = [0, ...recordEnds(name, log)]
    expect(ends.at(-1)).toBe(log.length)
    for (const [batches, end] of ends.entries()) {
      // A part of the next batch, too.
      for (const length of new Set([end, Math.min(end + 20, log.length - 1)])) {
        const cut = copyWith(task, { [name]: log.subarray(0, length) })
        const store = await open(cut)
        const position = 3 + batches - (end > length ? 1 : 0)
        expect([length, store.position(), await rowsOf(store)]).toEqual([length, position, rowsAt(position)])
        await store.close()
        await goesOn(cut)
      }
    }
  })

  it('whose older log lost batches at its end is damaged', async () => {
    const task = await killed(3)
    const name = fileOf(task, /\.log$/)
    const log = readFileSync(join(pathOf(task), name))
    const newer = `${String(Number.parseInt(name, 10) + 100).padStart(6, '0')}.log`
    const ends = [0, ...recordEnds(name, log)]
    const middle = ends[3] as number
    const whole = copyWith(task, { [name]: log.subarray(0, middle), [newer]: log.subarray(middle) })
    await goesOn(whole)
    for (const end of ends.slice(0, 3)) {
      const cut = copyWith(task, { [name]: log.subarray(0, end), [newer]: log.subarray(middle) })
      await expect(open(cut)).rejects.toThrow(StoreCorruptedError)
    }
    const swapped = copyWith(task, { [name]: log.subarray(middle), [newer]: log.subarray(0, middle) })
    await expect(open(swapped)).rejects.toThrow(StoreCorruptedError)
  })

  it('whose manifest lost its end is damaged, or has all its rows', async () => {
    const task = nextTask()
    const small = { writeBufferBytes: 64 * 1024, blockCacheBytes: 64 * 1024 }
    const factory =
      kind === 'level' ? levelBackends(directory, { sizes: small }) : rocksdbBackends(directory, { sizes: small })
    const store = await factory.open(task, 'store', { keyIndex: false })
    const random = new Random(1)
    const row = Buffer.from(Array.from({ length: 10_000 }, () => random.below(256)))
    let position = 0
    const write = (): Promise<void> => store.write([{ key: `key-${++position}`, row }], position)
    const [name, firstLog] = [fileOf(task, /^MANIFEST/), fileOf(task, /\.log$/)]
    const bytesOfManifest = (): number => statSync(join(pathOf(task), name)).size
    const atFirst = bytesOfManifest()
    // Full buffers make a table and an edit of the manifest that names it, while the store is open.
    while (bytesOfManifest() === atFirst) {
      await write()
      await new Promise((resolve) => setImmediate(resolve))
    }
    while (existsSync(join(pathOf(task), firstLog))) await new Promise((resolve) => setImmediate(resolve))
    await write()
    const taken = nextTask()
    await copyOfOpen(pathOf(task), pathOf(taken))
    await store.close()
    const manifest = readFileSync(join(pathOf(taken), name))
    const outcomes = new Set<string>()
    for (const end of [0, ...recordEnds(name, manifest)]) {
      for (const length of [end - 1, end]) {
        if (length < 0) continue
        const cut = copyWith(taken, { [name]: manifest.subarray(0, length) })
        const opened = await open(cut).catch((error: unknown) => error as Error)
        if (opened instanceof Error) {
          expect(opened).toBeInstanceOf(StoreCorruptedError)
          outcomes.add('damaged')
          continue
        }
        expect([length, opened.position(), (await rowsOf(opened)).size]).toEqual([length, position, position])
        outcomes.add('all rows')
        await opened.close()
      }
    }
    expect([...outcomes]).toEqual(['damaged', 'all rows'])
  })

  it('without CURRENT is damaged', async () => {
    for (const flushed of [0, 3]) {
      const task = await killed(flushed)
      rmSync(join(pathOf(task), 'CURRENT'))
      await expect(open(task)).rejects.toThrow(/CURRENT is missing/)
    }
  })

  it('that is damaged is not opened by the database to say so', async () => {
    const task = await killed(3)
    const name = fileOf(task, /\.log$/)
    const log = readFileSync(join(pathOf(task), name))
    log[20] = 255 - (log[20] as number)
    writeFileSync(join(pathOf(task), name), log)
    const files = (): string[] => readdirSync(pathOf(task)).filter((file) => /^MANIFEST|\.(log|ldb|sst)$/.test(file))
    const before = files()
    await expect(open(task)).rejects.toThrow(StoreCorruptedError)
    expect(files()).toEqual(before)
  })

  it('that looks damaged while it is open elsewhere is in use', async () => {
    const task = nextTask()
    const store = await open(task)
    await store.write(batch(1), 1)
    const name = join(pathOf(task), 'CURRENT')
    const current = readFileSync(name)
    writeFileSync(name, 'half')
    await expect(open(task)).rejects.toThrow(StateDirectoryError)
    writeFileSync(name, current)
    expect(store.get('b1')?.toString()).toBe(rowsAt(1).get('b1'))
    await store.close()
  })
})
