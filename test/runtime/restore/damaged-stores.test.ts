import { describe, expect, it } from 'vitest'
import { memoryBackends } from '../../../state/backends/memory.ts'
import type { BackendFactory, StoreBackend } from '../../../state/ports/backend.ts'
import { StoreCorruptedError } from '../../../state/ports/errors.ts'
import { countingPlan } from '../../support/counting-plan.ts'
import { MemoryApp } from '../../support/memory-app.ts'

/** A disk on which the row `key` of a task is damaged until its store is emptied. */
function damagedAt(taskId: string, key: string): BackendFactory {
  const disk = memoryBackends({ durable: true })
  let isDamaged = false
  const damaged = (backend: StoreBackend): StoreBackend =>
    new Proxy(backend, {
      get(target, name: keyof StoreBackend) {
        if (name === 'get') {
          return (read: string) => {
            if (isDamaged && read === key) throw new StoreCorruptedError(taskId, 'counts', 'row fails its checksum')
            return target.get(read)
          }
        }
        if (name === 'clear') isDamaged = false
        // The bytes are damaged while no process has the store open.
        if (name === 'close') isDamaged = true
        const member: unknown = target[name]
        return typeof member === 'function' ? member.bind(target) : member
      },
    })
  return {
    ...disk,
    open: async (task, store, options) => {
      const backend = await disk.open(task, store, options)
      return task === taskId ? damaged(backend) : backend
    },
  }
}

/** Two tasks with rows on their disk and nothing of them in memory; key `a` of task 0_0 is damaged. */
async function restarted(): Promise<MemoryApp> {
  const app = new MemoryApp({ plan: countingPlan(), topics: { in: 2, out: 1 } })
  app.disk = damagedAt('0_0', 'a')
  await app.start()
  for (const [key, partition] of [
    ['a', 0],
    ['b', 1],
  ] as const)
    app.produce('in', key, 'x', { partition })
  for (const partition of [0, 1]) await app.drained('in', partition)
  await app.restart()
  for (const partition of [0, 1]) await app.drained('in', partition)
  return app
}

const DAMAGE = 'store counts of task 0_0: row fails its checksum'

describe('a store found to be damaged in use', () => {
  it('by processing is restored and reported once, and no task loses a record', async () => {
    const app = await restarted()
    for (const [key, partition] of [
      ['a', 0],
      ['b', 1],
    ] as const)
      app.produce('in', key, 'x', { partition })
    for (const partition of [0, 1]) await app.drained('in', partition)
    expect(app.lines('out')).toEqual(['a=1', 'b=1', 'b=2', 'a=2'])
    expect(app.recovered.map(({ message }) => message)).toEqual([DAMAGE])
    await app.instance.close()
  })

  it('by a query is unavailable until it is restored', async () => {
    const app = await restarted()
    const [thread] = app.threads
    const ask = async () => thread?.get({ taskId: '0_0', store: 'counts', key: 'a', role: 'active', asJson: true })
    await expect(ask()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await app.time.until('told', () => app.recovered.length === 1)
    await app.time.until('open again', () => app.instance.state() === 'RUNNING')
    expect(app.recovered.map(({ message }) => message)).toEqual([DAMAGE])
    expect((await ask())?.result).toBe('{"value":1,"timestamp":0}')
    await app.instance.close()
  })

  it('by a query of a standby is restored there without an effect on active tasks', async () => {
    const app = await restarted()
    await app.membership.rebalance({ active: ['0_1'], standby: ['0_0'] })
    const [thread] = app.threads
    const ask = async () => thread?.get({ taskId: '0_0', store: 'counts', key: 'a', role: 'standby', asJson: true })
    await app.time.pass(100)
    const aborts = await app.metric('transaction_aborts_total')
    await expect(ask()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await app.time.pass(3000)
    expect((await ask())?.result).toBe('{"value":1,"timestamp":0}')
    expect(app.recovered.map(({ message }) => message)).toEqual([DAMAGE])
    expect(await app.metric('transaction_aborts_total')).toBe(aborts)
    await app.instance.close()
  })
})
