import { describe, expect, it } from 'vitest'
import { partitionForKey } from '../../../runtime/task/partitioner.ts'
import { memoryBackends } from '../../../state/backends/memory.ts'
import { countingPlan } from '../../support/counting-plan.ts'
import { MemoryApp } from '../../support/memory-app.ts'

const TOPICS = { in: 1, out: 1 }

/** An application whose commits take so long (ms, by their number), with the times at which they begin. */
async function timedApp(took: (commit: number) => number, plan = countingPlan()) {
  const app = new MemoryApp({ plan, topics: TOPICS })
  await app.start()
  await app.drained('in')
  const begins: number[] = []
  app.writer.before = async () => {
    begins.push(app.time.now())
    await app.time.sleep(took(begins.length - 1))
  }
  return { app, begins }
}

/** One record in each ms, then waits for the last commit. */
async function feed(app: MemoryApp, ms: number): Promise<void> {
  for (let i = 0; i < ms; i++) {
    app.produce('in', 'a', 'x')
    await app.time.pass(1)
  }
  await app.drained('in')
}

function gapsOf(begins: readonly number[]): number[] {
  return begins.slice(1).map((at, i) => at - (begins[i] as number))
}

describe('the commit policy', () => {
  it('only waits for news when there is nothing to do', async () => {
    const app = new MemoryApp({ plan: countingPlan(), topics: TOPICS })
    await app.start()
    app.produce('in', 'a', 'x')
    await app.drained('in')
    const [polls, commits] = [app.readers[0]?.polls ?? 0, app.writer.commits]
    let sleeps = 0
    const sleep = app.time.sleep.bind(app.time)
    app.time.sleep = (ms) => {
      sleeps++
      return sleep(ms)
    }
    await app.time.pass(60_000)
    // One long poll of 500 ms after the other, each with its own timer: nothing else.
    expect((app.readers[0]?.polls ?? 0) - polls).toBeLessThanOrEqual(121)
    expect(sleeps).toBeLessThanOrEqual(121)
    expect(app.writer.commits).toBe(commits)
    await app.instance.close()
  })

  it('commits drained input at once, but not more often than the floor', async () => {
    const app = new MemoryApp({ plan: countingPlan(), topics: TOPICS, config: { commitFloorMs: 8 } })
    await app.start()
    await app.drained('in')
    const [from, before] = [app.time.now(), app.writer.commits]
    for (let i = 0; i < 100; i++) {
      app.produce('in', 'a', 'x')
      await app.time.pass(1)
    }
    await app.drained('in')
    const elapsed = app.time.now() - from
    expect(app.writer.commits - before).toBeLessThanOrEqual(Math.ceil(elapsed / 8) + 1)
    expect(app.writer.commits - before).toBeGreaterThan(8)
    await app.instance.close()
  })

  it('leaves time between commits, the more of it the longer they take', async () => {
    const { app, begins } = await timedApp((commit) => (commit < 6 ? 10 : 20))
    await feed(app, 600)
    // The median of the last three commits decides: 10 ms until two have taken 20.
    expect(gapsOf(begins).slice(2, 12)).toEqual([20, 20, 20, 20, 20, 60, 60, 60, 60, 60])
    await app.instance.close()
  })

  it('commits at the interval when commits are slow, and not less often', async () => {
    const { app, begins } = await timedApp(() => 60)
    await feed(app, 600)
    expect(gapsOf(begins).slice(2, 6)).toEqual([100, 100, 100, 100])
    await app.instance.close()
  })

  it('commits at once what comes after a pause, however slow commits are', async () => {
    const { app, begins } = await timedApp(() => 60)
    await feed(app, 600)
    await app.time.pass(1000)
    const from = app.time.now()
    app.produce('in', 'a', 'x')
    await app.drained('in')
    expect(begins.at(-1)).toBe(from)
    await app.instance.close()
  })

  it('waits for the interval from the end of a commit while brokers hold more, though nothing is buffered', async () => {
    const { app, begins } = await timedApp(() => 30)
    for (let i = 0; i < 10_000; i++) app.produce('in', 'a', 'x')
    // Each answer has 100 records, and the next one comes 10 ms later.
    app.beforePoll = () => app.time.sleep(10)
    await app.drained('in')
    // Behind the last answer there is nothing more to wait for.
    expect(gapsOf(begins)).toEqual([130, 130, 130, 130, 130, 130, 110])
    await app.instance.close()
  })

  it('does not make a processor wait that asked for a commit', async () => {
    const plan = countingPlan({ onRecord: (_value, context) => context.commit() })
    const { app, begins } = await timedApp(() => 30, plan)
    await feed(app, 300)
    // The next one begins when the one before has settled.
    expect(gapsOf(begins).slice(3, 6)).toEqual([30, 30, 30])
    await app.instance.close()
  })

  it('begins early for a record that somebody waits for, and later for those that come after it', async () => {
    const plan = countingPlan({
      onRecord: (value, context) => value === 'awaited' && context.commit({ ifCaughtUp: true }),
    })
    const { app, begins } = await timedApp(() => 20, plan)
    await feed(app, 300)
    expect(gapsOf(begins).slice(3, 6)).toEqual([60, 60, 60])
    await app.time.pass(1000)
    begins.length = 0
    await feed(app, 10)
    app.produce('in', 'a', 'awaited')
    await feed(app, 300)
    // It waits for the commit in flight only. The two after it give back what it borrowed.
    expect(gapsOf(begins).slice(0, 4)).toEqual([60, 20, 90, 70])
    await app.instance.close()
  })

  it('waits for the interval while it is behind, though somebody waits for a record', async () => {
    const plan = countingPlan({ onRecord: (_value, context) => context.commit({ ifCaughtUp: true }) })
    const { app, begins } = await timedApp(() => 1, plan)
    for (let i = 0; i < 3000; i++) app.produce('in', 'a', 'x')
    app.beforePoll = () => app.time.sleep(10)
    await app.drained('in')
    expect(gapsOf(begins)).toEqual([101, 89])
    await app.instance.close()
  })

  it('ends a full epoch, and holds at most two epochs', async () => {
    const app = new MemoryApp({
      plan: countingPlan(),
      topics: TOPICS,
      config: { maxEpochBytes: 2000, commitIntervalMs: 1_000_000, commitFloorMs: 1 },
    })
    for (let i = 0; i < 1000; i++) app.produce('in', `key-${i}`, 'x'.repeat(20))
    const sizes: number[] = []
    await app.start()
    app.writer.before = async ({ batch }) => {
      sizes.push(batch.bytes)
    }
    await app.drained('in')
    // Looked at every 100 records.
    expect(Math.max(...sizes)).toBeLessThan(2000 + 100 * 100)
    expect(sizes.length).toBeGreaterThan(5)
    await app.instance.close()
  })

  it('ends an epoch that holds what it may by now: the limit may change', async () => {
    const config = { commitIntervalMs: 1_000_000, commitFloorMs: 1 }
    const app = new MemoryApp({ plan: countingPlan(), topics: TOPICS, config })
    await app.start()
    await app.drained('in')
    const sizes: number[] = []
    app.writer.before = async ({ batch }) => {
      sizes.push(batch.bytes)
    }
    const largest = async (): Promise<number> => {
      for (let i = 0; i < 1000; i++) app.produce('in', `key-${i}`, 'x'.repeat(20))
      await app.drained('in')
      return Math.max(...sizes.splice(0))
    }
    const before = await largest()
    for (const thread of app.threads) thread.maxEpochBytes = 2000
    expect(before).toBeGreaterThan(15_000)
    expect(await largest()).toBeLessThan(2000 + 100 * 100)
    await app.instance.close()
  })

  it('commits a position that only moved past markers', async () => {
    const app = new MemoryApp({ plan: countingPlan(), topics: TOPICS })
    await app.start()
    await app.drained('in')
    const session = app.cluster.initProducerId('other')
    app.cluster.produce(session, { topic: 'in', partition: 0 }, [{ key: null, value: null, timestamp: 0, headers: [] }])
    app.cluster.endTxn(session, 'abort')
    await app.drained('in')
    expect(app.committed('in')).toBe(2)
    expect(app.lines('out')).toEqual([])
    await app.instance.close()
  })
})

describe('a task with an empty partition that is known to hold more', () => {
  it('waits for that partition, while other tasks work and the CPU is idle', async () => {
    const app = new MemoryApp({ plan: countingPlan({ topics: ['in', 'late'] }), topics: { in: 2, late: 2, out: 1 } })
    const stuck = app.cluster.log({ topic: 'late', partition: 0 })
    const fetch = stuck.fetch.bind(stuck)
    // Its broker reports a record, and does not return it.
    stuck.fetch = (...args) => ({ ...fetch(...args), batches: [] })
    app.produce('late', 'a', 'x', { partition: 0, timestamp: 1 })
    app.produce('in', 'a', 'x', { partition: 0, timestamp: 5 })
    app.produce('in', 'b', 'x', { partition: 1, timestamp: 5 })
    await app.start()
    await app.drained('in', 1)
    const polls = app.readers[0]?.polls ?? 0
    await app.time.pass(10_000)
    expect((app.readers[0]?.polls ?? 0) - polls).toBeLessThanOrEqual(25)
    expect(app.lines('out')).toEqual(['b=1'])
    stuck.fetch = fetch
    await app.drained('late', 0)
    await app.drained('in', 0)
    expect(app.records('out').map(({ key, timestamp }) => [String(key), timestamp])).toEqual([
      ['b', 5],
      ['a', 1],
      ['a', 5],
    ])
    await app.instance.close()
  })
})

describe('results', () => {
  it('continue after a restart, with and without the disk', async () => {
    const app = new MemoryApp({ plan: countingPlan(), topics: { in: 2, out: 1 }, threads: 2 })
    const produce = (key: string): void => app.produce('in', key, 'x', { partition: partitionForKey(key, 2) })
    await app.start()
    for (const key of ['a', 'b', 'c', 'a']) produce(key)
    await app.drained('in', 0)
    await app.drained('in', 1)
    await app.restart()
    for (const key of ['a', 'b']) produce(key)
    await app.drained('in', 0)
    await app.drained('in', 1)
    app.disk = memoryBackends({ durable: true })
    await app.restart()
    for (const key of ['a', 'd']) produce(key)
    await app.drained('in', 0)
    await app.drained('in', 1)
    expect(app.lines('out').sort()).toEqual(['a=1', 'a=2', 'a=3', 'a=4', 'b=1', 'b=2', 'c=1', 'd=1'])
    const { result } = await app.instance.scan('counts', { limit: 10 })
    expect(result.map(([key, row]) => [key, (row as { value: number }).value])).toEqual([
      ['a', 4],
      ['b', 2],
      ['c', 1],
      ['d', 1],
    ])
    await app.instance.close()
  })

  it('are at least once under at_least_once, and the last count is right without failures', async () => {
    const app = new MemoryApp({
      plan: countingPlan(),
      topics: TOPICS,
      config: { processingGuarantee: 'at_least_once' },
    })
    await app.start()
    for (let i = 0; i < 5; i++) app.produce('in', 'a', 'x')
    await app.drained('in')
    await app.restart()
    app.produce('in', 'a', 'x')
    await app.drained('in')
    expect(app.lines('out').at(-1)).toBe('a=6')
    await app.instance.close()
  })
})
