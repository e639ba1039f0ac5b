import { expect, it } from 'vitest'
import { countingPlan } from '../../support/counting-plan.ts'
import { MemoryApp } from '../../support/memory-app.ts'

const PARTITIONS = [0, 1, 2, 3]

async function started(threads: number): Promise<MemoryApp> {
  const app = new MemoryApp({ plan: countingPlan(), topics: { in: PARTITIONS.length, out: 1 }, threads })
  await app.start()
  return app
}

/** One record in each partition. */
async function processOneEach(app: MemoryApp): Promise<void> {
  for (const partition of PARTITIONS) app.produce('in', `p${partition}`, 'x', { partition })
  for (const partition of PARTITIONS) await app.drained('in', partition)
}

/** Thread of each task that runs. */
async function places(app: MemoryApp): Promise<Record<string, number>> {
  const tasks = await app.instance.tasks()
  return Object.fromEntries(tasks.map(({ taskId, thread }) => [taskId, thread]))
}

async function inTime<T>(app: MemoryApp, change: Promise<T>): Promise<T> {
  let isOver = false
  const over = (): void => {
    isOver = true
  }
  change.then(over, over)
  await app.time.until('the threads have changed', () => isOver)
  return await change
}

it('a thread that is added gets its share of the tasks, and counts go on exactly', async () => {
  const app = await started(1)
  await processOneEach(app)
  expect(await inTime(app, app.instance.addStreamThread())).toBe('stream-thread-1')
  expect(app.instance.threads()).toBe(2)
  await app.time.until('tasks are open', () => app.instance.state() === 'RUNNING')
  expect(Object.values(await places(app)).toSorted()).toEqual([0, 0, 1, 1])
  await processOneEach(app)
  expect(app.lines('out').toSorted()).toEqual(PARTITIONS.flatMap((p) => [`p${p}=1`, `p${p}=2`]))
  expect(app.recovered).toEqual([])
  await app.instance.close()
})

it('a thread that is removed gives its tasks to the others, ends, and stays counted', async () => {
  const app = await started(2)
  await processOneEach(app)
  expect(await inTime(app, app.instance.removeStreamThread())).toBe('stream-thread-1')
  expect(app.instance.threads()).toBe(1)
  expect(await app.threads[1]?.stopped).toBeNull()
  await processOneEach(app)
  expect(new Set(Object.values(await places(app)))).toEqual(new Set([0]))
  expect(app.lines('out').toSorted()).toEqual(PARTITIONS.flatMap((p) => [`p${p}=1`, `p${p}=2`]))
  expect(await app.metric('records_processed_total')).toBe(8)
  expect((await app.instance.scan('counts')).result).toHaveLength(PARTITIONS.length)
  await app.instance.close()
})

it('changes asked for at once are made one after the other', async () => {
  const app = await started(1)
  const { instance } = app
  const names = Promise.all([
    instance.addStreamThread(),
    instance.addStreamThread(),
    instance.removeStreamThread(),
    instance.addStreamThread(),
    instance.removeStreamThread(),
    instance.removeStreamThread(),
    instance.removeStreamThread(),
  ])
  const numbers = [1, 2, 2, 2, 2, 1]
  expect(await inTime(app, names)).toEqual([...numbers.map((number) => `stream-thread-${number}`), null])
  await processOneEach(app)
  expect(app.lines('out').toSorted()).toEqual(PARTITIONS.map((p) => `p${p}=1`))
  await app.instance.close()
})

it('a thread that is added while the instance is paused is paused too', async () => {
  const app = await started(1)
  await app.instance.pause()
  await inTime(app, app.instance.addStreamThread())
  for (const partition of PARTITIONS) app.produce('in', 'k', 'x', { partition })
  await app.time.pass(1000)
  expect(app.lines('out')).toEqual([])
  await app.instance.resume()
  for (const partition of PARTITIONS) await app.drained('in', partition)
  expect(app.lines('out')).toHaveLength(4)
  await app.instance.close()
})

it('threads of an instance that ends are neither added nor removed, also when the change has begun', async () => {
  const app = await started(2)
  app.membership.update = () => undefined // the group does not answer
  const changes = Promise.all([app.instance.addStreamThread(), app.instance.removeStreamThread()])
  await app.time.pass(1000)
  await app.instance.close()
  expect(await changes).toEqual([null, null])
  expect(await app.instance.addStreamThread()).toBeNull()
  expect(await app.instance.removeStreamThread()).toBeNull()
})
