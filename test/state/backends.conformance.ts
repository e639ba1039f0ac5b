import { fork } from 'node:child_process'
import { cp, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { BackendFactory, BackendWrite, DiskBackend, KeyRange, StoreBackend } from '../../state/ports/backend.ts'
import { StoreClosedError, StoreCorruptedError, StreamsConfigError } from '../../state/ports/errors.ts'
import { copyOfOpen } from '../support/copy-of-open.ts'
import { DAMAGES, damageFile } from '../support/damage-file.ts'
import { Random } from '../support/random.ts'

/** A backend under test. Every case works in a task of its own. */
export interface BackendHarness {
  readonly name: string
  /** Where the data lives; null when it is not on disk (then nothing survives a process). */
  readonly directory: string | null
  /** The kind that a process of its own opens there. */
  readonly kind?: DiskBackend
  readonly factory: BackendFactory
}

const put = (key: string, row: string): BackendWrite => ({ key, row: Buffer.from(row, 'latin1') })
const del = (key: string): BackendWrite => ({ key, row: null })

async function rowsOf(backend: StoreBackend, range: KeyRange = {}): Promise<Array<[string, string]>> {
  const rows: Array<[string, string]> = []
  for await (const [key, row] of backend.scan(range)) rows.push([key, row.toString('latin1')])
  return rows
}

/** Keys that fool naive encodings: empty, NUL, high bytes, prefixes of each other. */
const trickyKey = fc.oneof(
  fc.constantFrom('', '\0', '\0\0', '\x7f', '\x80', '\xc3\xa9', '\xff', '\xff\xff', 'a', 'a\0', 'ab', 'meta'),
  fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
)

let tasks = 0
const nextTask = (): string => `0_${tasks++}`

export function backendConformance(makeHarness: () => BackendHarness): void {
  const harness = makeHarness()
  const { factory } = harness
  const open = (task: string, keyIndex = false): Promise<StoreBackend> => factory.open(task, 'store', { keyIndex })

  describe(`backend ${harness.name}`, () => {
    it('is empty and has no position at first', async () => {
      const backend = await open(nextTask())
      expect(backend.get('a')).toBeUndefined()
      expect(backend.position()).toBeNull()
      expect(backend.approximateEntries()).toBe(0)
      expect(await rowsOf(backend)).toEqual([])
      await backend.close()
    })

    it('returns exactly the bytes it was given, and deletes rows', async () => {
      const backend = await open(nextTask())
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index))
      await backend.write([{ key: '\0\xff', row: bytes }, put('', ''), put('a', '1'), put('b', '2')], 4)
      expect(backend.get('\0\xff')).toEqual(bytes)
      expect(backend.get('')).toEqual(Buffer.alloc(0))
      await backend.write([put('a', '3'), del('b'), del('never')], 7)
      expect(backend.get('a')?.toString()).toBe('3')
      expect(backend.get('b')).toBeUndefined()
      expect(backend.position()).toBe(7)
      expect(backend.approximateEntries()).toBe(3)
      await backend.close()
    })

    it('keeps the bytes it was given, whatever the caller does with the buffer later', async () => {
      const backend = await open(nextTask())
      const row = Buffer.from('before')
      await backend.write([{ key: 'a', row }], 1)
      row.write('after!')
      expect(backend.get('a')?.toString()).toBe('before')
      await backend.close()
    })

    it('scans a snapshot in byte order, whatever is written during the scan', async () => {
      const backend = await open(nextTask())
      await backend.write([put('b', '2'), put('a', '1'), put('\xff', '4'), put('\x80', '3')], 1)
      const scan = backend.scan({})
      await backend.write([put('c', 'new'), del('a')], 2)
      const seen: string[] = []
      for await (const [key] of scan) seen.push(key)
      expect(seen).toEqual(['a', 'b', '\x80', '\xff'])
      expect((await rowsOf(backend, { from: 'b', to: '\xff', reverse: true, limit: 2 })).map(([key]) => key)).toEqual([
        '\x80',
        'c',
      ])
      await backend.close()
    })

    it('behaves like a sorted map under any sequence of batches, scans, clears and reopenings', async () => {
      const batch = fc.array(fc.tuple(trickyKey, fc.option(fc.string({ maxLength: 8 }))), { maxLength: 6 })
      const step = fc.oneof(
        { weight: 6, arbitrary: fc.record({ type: fc.constant('write' as const), batch }) },
        { weight: 1, arbitrary: fc.record({ type: fc.constant('reopen' as const), keyIndex: fc.boolean() }) },
        { weight: 1, arbitrary: fc.record({ type: fc.constant('clear' as const) }) },
      )
      const range = fc.record({
        from: fc.option(trickyKey, { nil: undefined }),
        to: fc.option(trickyKey, { nil: undefined }),
        reverse: fc.boolean(),
        limit: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
      })
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { maxLength: 12 }),
          fc.array(range, { minLength: 3, maxLength: 3 }),
          fc.boolean(),
          async (steps, ranges, tellsExisted) => {
            const task = nextTask()
            let backend = await open(task, true)
            let model = new Map<string, string>()
            let position: number | null = null
            for (const each of steps) {
              if (each.type === 'write') {
                // A batch has one write per key, as the layers above make it.
                const last = new Map(each.batch)
                position = (position ?? 0) + 1
                await backend.write(
                  [...last].map(([key, row]) => ({
                    ...(row === null ? del(key) : { key, row: Buffer.from(row, 'utf8') }),
                    existed: tellsExisted ? model.has(key) : undefined,
                  })),
                  position,
                )
                for (const [key, row] of last) {
                  if (row === null) model.delete(key)
                  else model.set(key, Buffer.from(row, 'utf8').toString('latin1'))
                }
              } else if (each.type === 'reopen') {
                await backend.close()
                backend = await open(task, true)
              } else {
                await backend.clear()
                model = new Map()
                position = null
              }
              expect(backend.position()).toBe(position)
              // Rows that drain count when they are down, if nobody has said whether they are new.
              if (tellsExisted) expect(backend.approximateEntries()).toBe(model.size)
              for (const bounds of [{}, ...ranges]) {
                const expected = inRange(model, bounds)
                expect(await rowsOf(backend, bounds)).toEqual(expected)
                const keys = [...backend.keys({ ...bounds, limit: undefined })]
                expect(keys).toEqual(inRange(model, { ...bounds, limit: undefined }).map(([key]) => key))
              }
            }
            // The second waits for what the first has begun.
            await backend.persist?.()
            await backend.persist?.()
            expect(backend.approximateEntries()).toBe(model.size)
            await backend.close()
            await factory.destroy(task, 'store')
          },
        ),
        { numRuns: 30, seed: 11 },
      )
    })

    it('has its rows, its position and its count after it is opened again', async () => {
      const task = nextTask()
      const backend = await open(task)
      await backend.write([put('a', '1'), put('b', '2')], 12)
      await backend.close()
      const again = await open(task, true)
      expect(await rowsOf(again)).toEqual([
        ['a', '1'],
        ['b', '2'],
      ])
      expect(again.position()).toBe(12)
      expect(again.approximateEntries()).toBe(2)
      expect([...again.keys({})]).toEqual(['a', 'b'])
      await again.close()
    })

    it('is empty after clear and after destroy', async () => {
      const task = nextTask()
      const backend = await open(task, true)
      await backend.write([put('a', '1')], 5)
      await backend.clear()
      expect([backend.get('a'), backend.position(), [...backend.keys({})]]).toEqual([undefined, null, []])
      await backend.write([put('b', '1')], 2)
      await backend.close()
      await factory.destroy(task, 'store')
      const again = await open(task)
      expect([again.get('b'), again.position()]).toEqual([undefined, null])
      await again.close()
    })

    it('throws a clear error when it is used after close, or without a key index', async () => {
      const backend = await open(nextTask())
      expect(() => backend.keys({})).toThrow(StreamsConfigError)
      await backend.close()
      expect(() => backend.get('a')).toThrow(StoreClosedError)
      expect(() => backend.scan({})).toThrow(StoreClosedError)
      await expect(backend.write([put('a', '1')], 1)).rejects.toThrow(StoreClosedError)
      await expect(backend.clear()).rejects.toThrow(StoreClosedError)
    })

    it.each(['close', 'clear'] as const)(
      'a scan that runs at %s() ends, with its rows or with StoreClosedError',
      async (end) => {
        const backend = await open(nextTask())
        await backend.write(
          Array.from({ length: 3000 }, (_, i) => put(`key-${i}`, 'x'.repeat(100))),
          1,
        )
        const scans = Array.from({ length: 4 }, () => rowsOf(backend).catch((error: unknown) => error))
        // One has begun to read, the others are about to.
        await new Promise((resolve) => setImmediate(resolve))
        await backend[end]()
        for (const outcome of await Promise.all(scans)) {
          if (Array.isArray(outcome)) expect(outcome).toHaveLength(3000)
          else expect(outcome).toBeInstanceOf(StoreClosedError)
        }
        if (end === 'close') return
        expect([backend.get('key-1'), await rowsOf(backend)]).toEqual([undefined, []])
        await backend.close()
      },
    )

    it('separates stores and tasks', async () => {
      const [one, two] = [nextTask(), nextTask()]
      const backends = await Promise.all([
        factory.open(one, 'x', { keyIndex: false }),
        factory.open(one, 'y', { keyIndex: false }),
        factory.open(two, 'x', { keyIndex: false }),
      ])
      await Promise.all(backends.map((backend, index) => backend.write([put('k', String(index))], index)))
      expect(backends.map((backend) => backend.get('k')?.toString())).toEqual(['0', '1', '2'])
      for (const backend of backends) await backend.close()
    })

    if (harness.directory !== null) {
      const { directory, kind = 'level' } = harness
      it('holds after kill -9 exactly the batches up to its position, each whole', async () => {
        const task = nextTask()
        for (let round = 0; round < 3; round++) {
          const acknowledged = await writeUntilKilled(kind, directory, task)
          const backend = await open(task)
          const position = backend.position() as number
          // Each batch rewrites all keys with its number; the position is the number of the batch.
          expect(position).toBeGreaterThanOrEqual(acknowledged)
          expect(new Set((await rowsOf(backend)).map(([, row]) => row))).toEqual(new Set([String(position)]))
          expect(backend.approximateEntries()).toBe(200)
          await backend.close()
        }
      })

      it('reports a damaged file, or has exactly the rows of its position', async () => {
        const source = nextTask()
        const written = await open(source)
        const history = await writeHistory(written)
        // Copied while it is open: the files that kill -9 leaves behind.
        const taken = join(directory, nextTask(), 'store')
        await copyOfOpen(join(directory, source, 'store'), taken)
        const wrong: unknown[] = []
        const told = new Set<string>()
        for (let seed = 0; seed < DAMAGED_COPIES; seed++) {
          const random = new Random(seed)
          const task = nextTask()
          const path = join(directory, task, 'store')
          await cp(taken, path, { recursive: true })
          const files = await filesWithBytes(path)
          const file = files[random.below(files.length)] as string
          const damage = DAMAGES[seed % DAMAGES.length] as (typeof DAMAGES)[number]
          const at = await damageFile(join(path, file), damage, random)
          const found = await openAndRead(() => open(task, seed % 2 === 0))
          if (found === null) {
            told.add(damage)
            await factory.destroy(task, 'store')
            const fresh = await open(task)
            if (fresh.position() !== null) wrong.push({ seed, file, damage, at, after: 'destroy' })
            await fresh.close()
          } else if (!isSame(found.rows, found.position === null ? new Map() : history[found.position])) {
            wrong.push({ seed, file, damage, at, position: found.position })
          }
        }
        await written.close()
        expect(wrong).toEqual([])
        expect([...told].sort()).toEqual([...DAMAGES].sort())
      })
    }
  })
}

const DAMAGED_COPIES = 25
const HISTORY_BATCHES = 400

/** Batches of puts and deletes, some rows that compress and some that do not; the rows behind each of them, by position. */
async function writeHistory(backend: StoreBackend): Promise<ReadonlyArray<ReadonlyMap<string, string>>> {
  const random = new Random(30)
  const rows = new Map<string, string>()
  const history: ReadonlyMap<string, string>[] = [new Map()]
  for (let position = 1; position <= HISTORY_BATCHES; position++) {
    const batch = new Map<string, Buffer | null>()
    for (let i = 0; i < 15; i++) {
      const key = `key-${random.below(400)}`
      const bytes = Buffer.alloc(50 + random.below(200), position)
      if (random.below(2) === 0) for (let at = 0; at < bytes.length; at++) bytes[at] = random.below(256)
      batch.set(key, random.below(8) === 0 ? null : bytes)
    }
    await backend.write(
      [...batch].map(([key, row]) => ({ key, row })),
      position,
    )
    for (const [key, row] of batch) {
      if (row === null) rows.delete(key)
      else rows.set(key, row.toString('latin1'))
    }
    history.push(new Map(rows))
  }
  return history
}

async function filesWithBytes(path: string): Promise<readonly string[]> {
  const files: string[] = []
  for (const name of (await readdir(path)).sort()) if ((await stat(join(path, name))).size > 0) files.push(name)
  return files
}

/** All rows by scan, and each by a point read; null when damage was reported. */
async function openAndRead(
  open: () => Promise<StoreBackend>,
): Promise<{ readonly position: number | null; readonly rows: ReadonlyMap<string, string> } | null> {
  let backend: StoreBackend | null = null
  try {
    backend = await open()
    const rows = new Map<string, string>()
    for (const [key] of await rowsOf(backend)) rows.set(key, '')
    for (let i = 0; i < 400; i++) {
      const row = backend.get(`key-${i}`)
      if (row !== undefined) rows.set(`key-${i}`, row.toString('latin1'))
    }
    return { position: backend.position(), rows }
  } catch (error) {
    if (error instanceof StoreCorruptedError) return null
    throw error
  } finally {
    await backend?.close()
  }
}

function isSame(rows: ReadonlyMap<string, string>, expected: ReadonlyMap<string, string> | undefined): boolean {
  return rows.size === expected?.size && [...rows].every(([key, row]) => expected.get(key) === row)
}

function inRange(model: ReadonlyMap<string, string>, { from, to, reverse, limit }: KeyRange): Array<[string, string]> {
  const rows = [...model]
    .filter(([key]) => (from === undefined || key >= from) && (to === undefined || key < to))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  if (reverse === true) rows.reverse()
  return limit === undefined ? rows : rows.slice(0, limit)
}

/** Runs a child that writes batch after batch, kills it in the middle, returns the last batch it reported as written. */
async function writeUntilKilled(kind: DiskBackend, directory: string, task: string): Promise<number> {
  const child = fork(fileURLToPath(new URL('./backend-writer.child.ts', import.meta.url)), [kind, directory, task], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  let acknowledged = 0
  let reports = 0
  child.on('message', (batch) => {
    acknowledged = batch as number
    if (++reports === 40) child.kill('SIGKILL')
  })
  const signal = await new Promise((resolve) => child.on('exit', (_code, killedBy) => resolve(killedBy)))
  expect(signal).toBe('SIGKILL')
  return acknowledged
}
