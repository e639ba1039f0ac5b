import { expect, it } from 'vitest'
import { memoryBackends } from '../../../state/backends/memory.ts'
import type { BackendWrite, StoreBackend } from '../../../state/ports/backend.ts'
import { countingPlan } from '../../support/counting-plan.ts'
import { MemoryApp } from '../../support/memory-app.ts'

it('a store whose disk lost the last batches is brought up over the transactions that followed', async () => {
  const app = new MemoryApp({ plan: countingPlan(), topics: { in: 1, out: 1 } })
  const disk = memoryBackends({ durable: true })
  const opened: StoreBackend[] = []
  const positions: (number | null)[] = []
  let older: { readonly rows: readonly BackendWrite[]; readonly position: number } | null = null
  let isLost = false
  app.disk = {
    ...disk,
    open: async (task, name, options) => {
      const backend = await disk.open(task, name, options)
      if (isLost && older !== null) {
        await backend.clear()
        await backend.write(older.rows, older.position)
      }
      opened.push(backend)
      positions.push(backend.position())
      return backend
    },
  }
  const committed = async (...keys: string[]): Promise<void> => {
    for (const key of keys) {
      app.produce('in', key, 'x')
      await app.drained('in', 0)
    }
  }
  await app.start()
  await committed('a', 'b', 'a')
  const rows: BackendWrite[] = []
  for await (const [key, row] of opened[0]?.scan({}) ?? []) rows.push({ key, row })
  older = { rows, position: opened[0]?.position() ?? 0 }
  await committed('a', 'c', 'b', 'a')
  isLost = true
  await app.restart()
  await committed('a', 'b', 'c')
  expect(app.lines('out').slice(-4)).toEqual(['a=4', 'a=5', 'b=3', 'c=2'])
  expect(positions).toEqual([null, older.position])
  expect(rows.map(({ key }) => key)).toEqual(['a', 'b'])
  await app.instance.close()
})
