import { expect, it } from 'vitest'
import { countingPlan } from '../../support/counting-plan.ts'
import { MemoryApp } from '../../support/memory-app.ts'

const DELAY_MS = 10_000

async function running(): Promise<MemoryApp> {
  const app = new MemoryApp({ plan: countingPlan(), topics: { in: 3, out: 1 }, cleanupDelayMs: DELAY_MS })
  await app.start()
  for (const partition of [0, 1, 2]) app.produce('in', `k${partition}`, 'x', { partition })
  for (const partition of [0, 1, 2]) await app.drained('in', partition)
  return app
}

/** Each task is where it stands: what it counts next is right. */
async function expectCounts(app: MemoryApp, ...counts: number[]): Promise<void> {
  const before = app.lines('out').length
  for (const partition of counts.keys()) app.produce('in', `k${partition}`, 'x', { partition })
  for (const partition of counts.keys()) await app.drained('in', partition)
  expect(app.lines('out').slice(before).sort()).toEqual(counts.map((count, i) => `k${i}=${count}`))
}

it('the state of a task that moved away is removed after the delay, not before, and no other state is', async () => {
  const app = await running()
  await app.time.pass(5 * DELAY_MS)
  await app.membership.rebalance({ active: ['0_0'], standby: ['0_2'] })
  await app.time.pass(DELAY_MS)
  expect(app.removed).toEqual([])
  await app.time.pass(2 * DELAY_MS)
  expect(app.removed).toEqual(['0_1'])
  expect(Object.keys((await app.instance.report()).lags)).toEqual(['0_2'])
  await app.membership.rebalance({ active: ['0_0', '0_1', '0_2'], standby: [] })
  await expectCounts(app, 2, 2, 2)
  await app.instance.close()
})

it('the state of a task that comes back in time is kept, however often it moves', async () => {
  const app = await running()
  for (let i = 0; i < 5; i++) {
    await app.membership.rebalance({ active: ['0_0'] })
    await app.time.pass(DELAY_MS / 2)
    await app.membership.rebalance({ active: ['0_0', '0_1', '0_2'] })
    await app.time.pass(3 * DELAY_MS)
  }
  expect(app.removed).toEqual([])
  await expectCounts(app, 2, 2, 2)
  await app.instance.close()
})

it('no state is removed while the assignment is unknown', async () => {
  const app = await running()
  await app.membership.expel()
  await app.time.pass(20 * DELAY_MS)
  expect(app.removed).toEqual([])
  await app.instance.close()
})

it('an assignment that comes during a removal waits for it, and the task is restored completely', async () => {
  const app = await running()
  await app.membership.rebalance({ active: ['0_0', '0_2'] })
  let goOn: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const remove = app.state.removeTask
  let isRemoving = false
  app.state.removeTask = async (id) => {
    isRemoving = true
    await held
    await remove(id)
  }
  await app.time.until('removing', () => isRemoving)
  const opened = app.membership.rebalance({ active: ['0_0', '0_1', '0_2'] })
  await app.time.settle()
  expect((await app.instance.tasks()).map(({ taskId }) => taskId)).toEqual(['0_0', '0_2'])
  goOn()
  await opened
  expect(app.removed).toEqual(['0_1'])
  await expectCounts(app, 2, 2, 2)
  await app.instance.close()
})

it('state that cannot be removed is reported and tried again', async () => {
  const app = await running()
  const remove = app.state.removeTask
  let failures = 2
  app.state.removeTask = async (id) => {
    if (failures-- > 0) throw new Error('busy')
    await remove(id)
  }
  await app.membership.rebalance({ active: ['0_0', '0_2'] })
  await app.time.pass(6 * DELAY_MS)
  expect(app.recovered.map(({ message }) => message)).toEqual(['busy', 'busy'])
  expect(app.removed).toEqual(['0_1'])
  await app.instance.close()
})
