import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { diskBackends } from '../../state/backends/disk-backends.ts'
import { StoreCorruptedError } from '../../state/ports/errors.ts'

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
