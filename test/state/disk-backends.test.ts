import {
  closeSync,
  cpSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { diskBackends } from '../../state/backends/disk-backends.ts'
import { rocksdbBackends } from '../../state/backends/rocksdb.ts'
import { openRow, ROW_CHECK_BYTES, sealRow } from '../../state/backends/row-check.ts'
import { writeBehind } from '../../state/backends/write-behind.ts'
import { StateDirectoryError, StoreCorruptedError } from '../../state/ports/errors.ts'
import { Random } from '../support/random.ts'

/** The part of the binding that this test uses; it has no types. */
interface RawDatabase {
  open(): Promise<void>
  get(key: string): Promise<Buffer>
  put(key: string, value: Buffer): Promise<void>
  close(): Promise<void>
  attachResource(resource: object): void
  detachResource(resource: object): void
}
const { RocksLevel } = createRequire(import.meta.url)('@nxtedition/rocksdb') as {
  RocksLevel: { new (path: string, options: object): RawDatabase; readonly prototype: RawDatabase }
}

const directory = mkdtempSync(join(tmpdir(), 'ride-streams-switch-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

it.each([
  ['level', 'rocksdb', 'r'],
  ['level', 'rocksdb', 'm'],
  ['rocksdb', 'level', 'a'],
] as const)(
  'a store of %s is not read as one of %s: it is damaged, and empty once it is destroyed',
  async (before, after, key) => {
    const [old, next] = [diskBackends(before, directory), diskBackends(after, directory)]
    const task = `0_${before}${key}`
    const written = await old.open(task, 'store', { keyIndex: false })
    for (let position = 1; position <= 50; position++) {
      await written.write(
        [{ key: `${key}${position === 1 ? '' : position}`, row: Buffer.alloc(20_000, position) }],
        position,
      )
    }
    await written.close()
    await expect(next.open(task, 'store', { keyIndex: false })).rejects.toThrow(StoreCorruptedError)
    await next.destroy(task, 'store')
    const fresh = await next.open(task, 'store', { keyIndex: true })
    expect([fresh.position(), fresh.approximateEntries(), [...fresh.keys({})]]).toEqual([null, 0, []])
    await fresh.close()
  },
)

it('a page of zeros between whole records of the log of RocksDB is damage, and hides no batch', async () => {
  const backends = rocksdbBackends(directory)
  const random = new Random(1)
  const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, () => random.below(256)))
  const logOf = (task: string): string => {
    const path = join(directory, task, 'store')
    return join(path, readdirSync(path).find((name) => name.endsWith('.log')) ?? '')
  }
  /** The sizes of the log after each of three batches. */
  const write = async (task: string, lengths: readonly number[]): Promise<number[]> => {
    const backend = await backends.open(task, 'store', { keyIndex: false })
    const sizes: number[] = []
    for (const [at, length] of lengths.entries()) {
      await backend.write([{ key: `key-${at}`, row: bytes(length) }], at + 1)
      sizes.push(statSync(logOf(task)).size)
    }
    // These are the files that kill -9 leaves: a close would write the rows to a table.
    cpSync(join(directory, task), join(directory, `${task}-killed`), { recursive: true })
    await backend.close()
    return sizes
  }
  // Two batches that fill a block each: the next record begins where the page does. Lengths are found by trying.
  const [BLOCK, PAGE] = [32 * 1024, 4096]
  const lengths: [number, number, number] = [BLOCK - 200, BLOCK - 200, 500]
  let task = ''
  for (let ends: number[] = []; ends[0] !== BLOCK || ends[1] !== 2 * BLOCK; ) {
    task += '0'
    expect(task.length).toBeLessThan(10)
    ends = await write(task, lengths)
    const [first = 0, second = 0] = ends
    lengths[0] += BLOCK - first
    lengths[1] += BLOCK - (second - first)
  }
  const log = openSync(logOf(`${task}-killed`), 'r+')
  writeSync(log, Buffer.alloc(PAGE), 0, PAGE, BLOCK)
  closeSync(log)
  await expect(backends.open(`${task}-killed`, 'store', { keyIndex: false })).rejects.toThrow(
    /has no record at byte 32768$/,
  )
})

it('RocksDB gets the sizes of its store, not those of its binding', async () => {
  const sizes = { writeBufferBytes: 3 * 1024 * 1024, blockCacheBytes: 1024 * 1024 }
  const backend = await diskBackends('rocksdb', directory, { sizes }).open('0_9', 'sized', { keyIndex: false })
  const path = join(directory, '0_9', 'sized')
  const file = readdirSync(path).find((name) => name.startsWith('OPTIONS'))
  const options = readFileSync(join(path, file ?? ''), 'utf8')
  // Up to six buffers: two of LevelDB's.
  expect(/^ *write_buffer_size=(\d+)$/m.exec(options)?.[1]).toBe(String(1024 * 1024))
  expect(/^ *max_write_buffer_number=(\d+)$/m.exec(options)?.[1]).toBe('6')
  await backend.close()
})

describe('the first byte of the row of a position', () => {
  const rowOf = { level: '\u0100meta', rocksdb: '\u0100rocksdb' } as const

  /** A store of one row, whose row of the position `change` has written anew. */
  async function changed(kind: 'level' | 'rocksdb', change: (stored: Buffer, key: string) => Buffer) {
    const backends = diskBackends(kind, directory)
    const task = `1_${tasks++}`
    const store = await backends.open(task, 'store', { keyIndex: false })
    await store.write([{ key: 'a', row: Buffer.from('row') }], 7)
    await store.close()
    const [path, key] = [join(directory, task, 'store'), rowOf[kind]]
    const options = { keyEncoding: 'utf8', valueEncoding: 'buffer' } as const
    const db =
      kind === 'level'
        ? new ClassicLevel<string, Buffer>(path, options)
        : new RocksLevel(path, { ...options, walCompression: false })
    await db.open()
    const stored = await db.get(key)
    await db.put(key, change(stored as Buffer, key))
    await db.close()
    const open = () => backends.open(task, 'store', { keyIndex: false })
    return { open, destroy: () => backends.destroy(task, 'store') }
  }
  let tasks = 0

  const withFormat = (stored: Buffer, format: number): Buffer => {
    const bytes = Buffer.from(stored)
    bytes[0] = format
    return bytes
  }

  it.each(['level', 'rocksdb'] as const)(
    'of %s is damaged when its check fails: the store is made anew',
    async (kind) => {
      const { open, destroy } = await changed(kind, (stored) => withFormat(stored, 9))
      await expect(open()).rejects.toThrow(StoreCorruptedError)
      await destroy()
      const fresh = await open()
      expect(fresh.position()).toBeNull()
      await fresh.close()
    },
  )

  it.each(['level', 'rocksdb'] as const)(
    'of %s is another format when its check holds: nothing is wiped',
    async (kind) => {
      const { open } = await changed(kind, (stored, key) => {
        expect(openRow(key, Buffer.from(stored))).not.toBeNull()
        return sealRow(key, withFormat(stored, 9), 0, stored.length - ROW_CHECK_BYTES)
      })
      await expect(open()).rejects.toThrow(StateDirectoryError)
      await expect(open()).rejects.toThrow(/has store format 9, this version knows 2/)
    },
  )
})

it('an iterator of RocksDB that its reader leaves is closed, also below gathered writes', async () => {
  let open = 0
  const attached = vi.spyOn(RocksLevel.prototype, 'attachResource').mockImplementation(() => {
    open++
  })
  const detached = vi.spyOn(RocksLevel.prototype, 'detachResource').mockImplementation(() => {
    open--
  })
  const backends = writeBehind(rocksdbBackends(directory), { maxCommits: 2 })
  const backend = await backends.open('2_0', 'left', { keyIndex: true })
  const rows = Array.from({ length: 2000 }, (_, i) => ({ key: `k${i}`, row: Buffer.alloc(10) }))
  await backend.write(rows, 1)
  await backend.write([{ key: 'j', row: Buffer.alloc(10) }], 2)
  await backend.write([{ key: 'l', row: Buffer.alloc(10) }], 3)
  const seen: string[] = []
  for (const key of backend.keys({})) if (seen.push(key) === 70) break
  for await (const [key] of backend.scan({})) if (seen.push(key) === 72) break
  expect([seen.length, attached.mock.calls.length > 0, open]).toEqual([72, true, 0])
  attached.mockRestore()
  detached.mockRestore()
  await backend.close()
})
