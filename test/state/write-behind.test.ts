import { expect, it } from 'vitest'
import { memoryBackends } from '../../state/backends/memory.ts'
import { writeBehind } from '../../state/backends/write-behind.ts'
import type { BackendFactory, StoreBackend } from '../../state/ports/backend.ts'

/** Writes that reached what is below, each with its number of rows. */
function counted(written: number[]): BackendFactory {
  const below = memoryBackends()
  return {
    async open(...args) {
      const backend = await below.open(...args)
      const write = backend.write.bind(backend)
      backend.write = (writes, position, note) => {
        written.push(writes.length)
        return write(writes, position, note)
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
