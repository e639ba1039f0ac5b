import { expect, it } from 'vitest'
import { memoryBackends } from '../../state/backends/memory.ts'
import { WaitingRows } from '../../state/backends/waiting-rows.ts'
import { writeBehind } from '../../state/backends/write-behind.ts'
import { deferred } from '../../state/deferred.ts'
import type { BackendFactory, StoreBackend } from '../../state/ports/backend.ts'

const ROWS = { keyIndex: false }

type Gate = (storeName: string) => Promise<void>

/** Writes that reached what is below, each with its number of rows. They go on when the gate of their store resolves. */
function counted(written: number[], gate: Gate = () => Promise.resolve()): BackendFactory {
  const below = memoryBackends({ durable: true })
  return {
    async open(...args) {
      const backend = await below.open(...args)
      const write = backend.write.bind(backend)
      backend.write = async (writes, position, note) => {
        written.push(writes.length)
        await gate(args[1])
        await write(writes, position, note)
      }
      return backend
    },
    destroy: (...args) => below.destroy(...args),
  }
}

const put = (backend: StoreBackend, key: string, position: number): Promise<void> =>
  backend.write([{ key, row: Buffer.alloc(99) }], position)

it('a row that is written again takes no more room than one', async () => {
  const written: number[] = []
  const limits = { maxBytes: 1000, maxCommits: 1000 }
  const backend = await writeBehind(counted(written), limits).open('0_0', 'store', { keyIndex: false })
  let position = 0
  for (let i = 0; i < 50; i++) await put(backend, 'a', ++position)
  expect(written).toEqual([])
  for (const key of 'bcdefghij') await put(backend, key, ++position)
  expect(written).toEqual([10])
  await backend.close()
})

it('rows of a store with a key index wait as well, and their keys are read in order meanwhile', async () => {
  const written: number[] = []
  const limits = { maxBytes: 10_000, maxCommits: 3 }
  const backend = await writeBehind(counted(written), limits).open('0_0', 'store', { keyIndex: true })
  await put(backend, 'b', 1)
  await put(backend, 'd', 2)
  expect(written).toEqual([])
  expect([...backend.keys({})]).toEqual(['b', 'd'])
  await put(backend, 'a', 3)
  expect(written).toEqual([3])
  await put(backend, 'c', 4)
  await backend.write([{ key: 'b', row: null }], 5)
  expect(written).toEqual([3])
  expect([...backend.keys({ reverse: true })]).toEqual(['d', 'c', 'a'])
  await backend.close()
})

it('a batch that persist() begins while the store closes is written', async () => {
  const factory = writeBehind(counted([], () => new Promise((resolve) => setImmediate(resolve))))
  const backend = await factory.open('0_0', 'store', ROWS)
  await put(backend, 'a', 1)
  await Promise.all([backend.persist?.(), backend.close()])
  const again = await factory.open('0_0', 'store', ROWS)
  expect([again.position(), again.approximateEntries()]).toEqual([1, 1])
  await again.close()
})

it('the number of rows is right but for unknown keys of a batch that is being written, and never negative', async () => {
  const { promise: open, resolve } = deferred<void>()
  const backend = await writeBehind(counted([], () => open)).open('0_0', 'store', ROWS)
  for (const [at, key] of [...'abc'].entries()) await put(backend, key, at)
  expect(backend.approximateEntries()).toBe(3)
  await put(backend, 'd', 4)
  await put(backend, 'a', 5)
  await backend.persist?.()
  await backend.write([{ key: 'd', row: null, existed: true }], 6)
  expect(backend.approximateEntries()).toBe(2)
  await backend.write([{ key: 'c', row: null, existed: true }], 7)
  await backend.write([{ key: 'b', row: null, existed: true }], 8)
  await backend.write([{ key: 'a', row: null, existed: true }], 9)
  expect(backend.approximateEntries()).toBe(0)
  await put(backend, 'b', 10)
  resolve()
  await backend.persist?.()
  await backend.persist?.()
  expect(backend.approximateEntries()).toBe(1)
  await backend.close()
})

it('stores that hold too much together write, the one that holds most first, however little each holds', async () => {
  const written: number[] = []
  const limits = { maxBytes: 1_000_000, maxCommits: 1000, waiting: new WaitingRows(2000) }
  const factory = writeBehind(counted(written), limits)
  const [one, other] = [await factory.open('0_0', 'one', ROWS), await factory.open('0_1', 'other', ROWS)]
  // A row with its key and its objects counts 250 bytes.
  for (const key of 'abcde') await put(one, key, 1)
  for (const key of 'abc') await put(other, key, 1)
  expect(written).toEqual([])
  await put(other, 'd', 2)
  expect(written).toEqual([5])
  for (const key of 'efgh') await put(other, key, 3)
  expect(written).toEqual([5])
  await put(one, 'f', 2)
  expect(written).toEqual([5, 8])
  await Promise.all([one.close(), other.close()])
})

it('stores of two factories that share their memory hold no more together, and write when they get less', async () => {
  const written: number[] = []
  const waiting = new WaitingRows(2000)
  const limits = { maxBytes: 1_000_000, maxCommits: 1000, waiting }
  const [one, other] = await Promise.all(
    ['one', 'other'].map((name) => writeBehind(counted(written), limits).open('0_0', name, ROWS)),
  )
  if (one === undefined || other === undefined) throw new Error('there are two')
  for (const key of 'abcde') await put(one, key, 1)
  for (const key of 'abc') await put(other, key, 1)
  waiting.limit = 2500
  expect(written).toEqual([])
  await put(other, 'd', 2)
  expect(written).toEqual([])
  waiting.limit = 1500
  expect(written).toEqual([5])
  await Promise.all([one.close(), other.close()])
})

it('a commit waits while the disk is behind with twice what all stores may hold', async () => {
  const written: number[] = []
  const gate = deferred<void>()
  const below = counted(written, () => gate.promise)
  const factory = writeBehind(below, { maxBytes: 1_000_000, maxCommits: 1000, waiting: new WaitingRows(2000) })
  const [one, other] = [await factory.open('0_0', 'one', ROWS), await factory.open('0_1', 'other', ROWS)]
  for (const key of 'abcdefghi') await put(one, key, 1)
  for (const key of 'abcdefg') await put(other, key, 1)
  let isDone = false
  const last = put(other, 'h', 2).then(() => {
    isDone = true
  })
  await new Promise(setImmediate)
  expect([written, isDone]).toEqual([[9], false])
  gate.resolve()
  await last
  await Promise.all([one.close(), other.close()])
})

it('a commit waits until there is room, or nothing is written any more, and not only until some store has written', async () => {
  const written: number[] = []
  const gates = { big: deferred<void>(), huge: deferred<void>() }
  const limits = { maxBytes: 1_000_000, maxCommits: 1000, waiting: new WaitingRows(2000) }
  const factory = writeBehind(
    counted(written, (name) => gates[name as keyof typeof gates].promise),
    limits,
  )
  const [big, huge] = [await factory.open('0_0', 'big', ROWS), await factory.open('0_1', 'huge', ROWS)]
  for (const key of 'abcdefghi') await put(big, key, 1)
  let isDone = false
  const last = huge.write([{ key: 'a', row: Buffer.alloc(6000) }], 1).then(() => {
    isDone = true
  })
  gates.big.resolve()
  await new Promise(setImmediate)
  expect([written, isDone]).toEqual([[9, 1], false])
  gates.huge.reject(new Error('a broken disk'))
  await last
  await big.close()
  await expect(huge.close()).rejects.toThrow('a broken disk')
})

it('what waits begins to be written when it is asked for, after the batch that drains, and is closed with the store', async () => {
  const written: number[] = []
  const gate = deferred<void>()
  const factory = writeBehind(
    counted(written, () => gate.promise),
    { maxBytes: 1_000_000, maxCommits: 2 },
  )
  const backend = await factory.open('0_0', 'store', ROWS)
  await backend.persist?.()
  expect(written).toEqual([])
  for (const key of 'ab') await put(backend, key, 1)
  await put(backend, 'c', 2)
  const persisted = backend.persist?.()
  expect(written).toEqual([2])
  gate.resolve()
  await persisted
  expect(written).toEqual([2, 1])
  await backend.close()
  expect(written).toEqual([2, 1])
})

it('what waits is not asked for of a disk that has failed', async () => {
  const broken = (): Promise<void> => Promise.reject(new Error('a broken disk'))
  const backend = await writeBehind(counted([], broken), { maxCommits: 1 }).open('0_0', 'store', ROWS)
  await put(backend, 'a', 1)
  await expect(backend.persist?.()).rejects.toThrow('a broken disk')
  await expect(backend.close()).rejects.toThrow('a broken disk')
})
