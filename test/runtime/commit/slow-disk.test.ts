import { expect, it } from 'vitest'
import { memoryBackends } from '../../../state/backends/memory.ts'
import { writeBehind } from '../../../state/backends/write-behind.ts'
import type { BackendFactory } from '../../../state/ports/backend.ts'
import { countingPlan } from '../../support/counting-plan.ts'
import type { ManualTime } from '../../support/manual-time.ts'
import { MemoryApp } from '../../support/memory-app.ts'

const RECORDS = 8000
const WRITE_MS = 2000
const MAX_COMMITS = 4
const MAX_EPOCH_BYTES = 20_000
const MAX_BUFFERED_BYTES = 20_000
/** Records of one fetch, and of one turn of a task. */
const STEP_RECORDS = 100
const VALUE = 'x'.repeat(99)

/** Every batch takes two seconds to be written. `onWrite` gets the number of batches being written. */
function slow(factory: BackendFactory, time: ManualTime, onWrite: (batches: number) => void): BackendFactory {
  return {
    ...factory,
    async open(...args) {
      const backend = await factory.open(...args)
      const write = backend.write.bind(backend)
      let batches = 0
      backend.write = async (...written) => {
        onWrite(++batches)
        await time.sleep(WRITE_MS)
        await write(...written)
        batches--
      }
      return backend
    },
  }
}

it('commits continue while the disk writes slowly, and the waiting data is bounded', async () => {
  const app = new MemoryApp({
    plan: countingPlan(),
    topics: { in: 1, out: 1 },
    config: { maxEpochBytes: MAX_EPOCH_BYTES, maxBufferedBytesPerPartition: MAX_BUFFERED_BYTES },
  })
  let mostAtATime = 0
  const disk = slow(memoryBackends({ durable: true }), app.time, (batches) => {
    mostAtATime = Math.max(mostAtATime, batches)
  })
  app.disk = writeBehind(disk, { maxCommits: MAX_COMMITS })
  await app.start()
  await app.drained('in')
  for (let i = 0; i < RECORDS; i++) app.produce('in', `k${i % 50}`, VALUE)
  const began = app.time.monotonic()
  const seen: { readonly uncommitted: number; readonly buffered: number }[] = []
  let isDone = false
  const watching = (async () => {
    while (!isDone) {
      const [task] = (await app.instance.tasks()).filter(({ state }) => state === 'running')
      const position = task?.partitions[0]?.position ?? 0
      const buffered = app.readers[0]?.handedOut ?? 0
      seen.push({
        uncommitted: position - (app.committed('in') ?? 0),
        buffered: buffered - position,
      })
      await app.time.sleep(WRITE_MS / 4)
    }
  })()
  await app.time.until(
    'drained',
    () =>
      app.committed('in') === RECORDS && app.cluster.log({ topic: 'in', partition: 0 }).lastStableOffset === RECORDS,
    RECORDS * WRITE_MS,
  )
  isDone = true
  await app.time.pass(WRITE_MS)
  await watching
  // One write of the disk for every MAX_COMMITS commits, not one for each.
  const writes = (app.time.monotonic() - began) / WRITE_MS
  expect(app.writer.commits / writes).toBeGreaterThan(MAX_COMMITS / 2)
  expect(mostAtATime).toBe(1)
  // Two epochs at the most: one in flight, one being filled.
  const perRecord = VALUE.length + 2
  const records = (bytes: number): number => bytes / perRecord + STEP_RECORDS
  expect(Math.max(...seen.map(({ uncommitted }) => uncommitted))).toBeLessThanOrEqual(2 * records(MAX_EPOCH_BYTES))
  expect(Math.max(...seen.map(({ buffered }) => buffered))).toBeLessThanOrEqual(
    records(MAX_BUFFERED_BYTES) + STEP_RECORDS,
  )
  expect(app.lines('out')).toHaveLength(RECORDS)
  expect(app.lines('out').at(-1)).toBe(`k49=${RECORDS / 50}`)
  expect(app.recovered).toEqual([])
  const closed = app.instance.close()
  await app.time.pass(10 * WRITE_MS)
  await closed
})
