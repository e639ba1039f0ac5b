import { describe, expect, it } from 'vitest'
import type { UncaughtExceptionResponse } from '../../../runtime/instance/uncaught-exceptions.ts'
import { StreamsConfigError } from '../../../state/ports/errors.ts'
import { countingPlan } from '../../support/counting-plan.ts'
import { MemoryApp } from '../../support/memory-app.ts'

/** Throws at `bad`, the given number of times. */
function failing(times = Number.POSITIVE_INFINITY) {
  let left = times
  return countingPlan({
    onRecord: (value) => {
      if (value === 'bad' && left-- > 0) throw new Error('planned')
    },
  })
}

const DEATH = 'task 0_0 failed in count at offset 1 of in-0: planned'

describe('a stream thread that dies', () => {
  it('under replace-thread has a successor that continues from the last commit, while other threads continue', async () => {
    const asked: string[] = []
    const uncaught = (error: Error): UncaughtExceptionResponse => {
      asked.push(error.message)
      return 'replace-thread'
    }
    const app = new MemoryApp({ plan: failing(1), topics: { in: 2, out: 1 }, threads: 2, uncaught })
    await app.start()
    app.produce('in', 'a', 'x', { partition: 0 })
    await app.drained('in', 0)
    const commits = () => app.metric('commits_total')
    const before = await commits()
    expect(before).toBeGreaterThan(0)
    app.produce('in', 'a', 'bad', { partition: 0 })
    await app.time.until('the death', () => app.replaced.length === 1)
    // The other thread has not noticed.
    app.produce('in', 'b', 'x', { partition: 1 })
    await app.drained('in', 1)
    expect(app.committed('in', 0)).toBe(1)
    // The counts up to the last look are not lost.
    expect(await commits()).toBe(before + 1)
    expect(app.instance.state()).toBe('REBALANCING')
    expect((await app.instance.tasks()).map(({ taskId, state }) => [taskId, state])).toEqual([
      ['0_0', 'restoring'],
      ['0_1', 'running'],
    ])
    await app.drained('in', 0)
    expect(await commits()).toBe(before + 2)
    expect(app.lines('out')).toEqual(['a=1', 'b=1', 'a=2'])
    expect(asked).toEqual([DEATH])
    expect(app.instance.state()).toBe('RUNNING')
    await app.membership.rebalance()
    await app.instance.close()
    expect(await app.instance.stopped).toBeNull()
  })

  it('under replace-thread again and again is replaced ever more slowly, and close() does not wait for the next', async () => {
    const app = new MemoryApp({ plan: failing(), topics: { in: 1, out: 1 }, uncaught: () => 'replace-thread' })
    await app.start()
    app.produce('in', 'a', 'x')
    await app.drained('in')
    const watch = await app.instance.watch('counts', 'a', () => undefined)
    app.produce('in', 'a', 'bad')
    await app.time.pass(10 * 60_000)
    await watch.ended
    const delays = app.replaced.slice(0, 4).map(({ message }) => /is replaced in (\d+) ms/.exec(message)?.[1])
    expect(delays).toEqual(['100', '200', '400', '800'])
    // 10 minutes at one death every 30 s, and nine before.
    expect(app.replaced.length).toBeLessThan(30)
    expect(app.replaced.length).toBeGreaterThan(20)
    expect(app.lines('out')).toEqual(['a=1'])
    await app.instance.close()
    expect(await app.instance.stopped).toBeNull()
    expect(app.instance.state()).toBe('NOT_RUNNING')
  })

  it('under replace-thread learns of a rebalance that came in between', async () => {
    const app = new MemoryApp({ plan: failing(1), topics: { in: 2, out: 1 }, uncaught: () => 'replace-thread' })
    await app.start()
    await app.drained('in', 0)
    app.produce('in', 'a', 'x', { partition: 0 })
    app.produce('in', 'a', 'bad', { partition: 0 })
    await app.time.until('the death', () => app.replaced.length === 1)
    await app.membership.rebalance({ active: ['0_1'] })
    app.produce('in', 'b', 'x', { partition: 1 })
    await app.drained('in', 1)
    expect(app.lines('out').filter((line) => line.startsWith('b'))).toEqual(['b=1'])
    expect(app.committed('in', 0)).toBeLessThan(2)
    await app.instance.close()
  })

  it.each([
    ['shutdown-client', null],
    ['shutdown-application', DEATH],
  ] as const)('under %s stops the instance, after the last commit of the other threads', async (response, told) => {
    const app = new MemoryApp({ plan: failing(), topics: { in: 2, out: 1 }, threads: 2, uncaught: () => response })
    await app.start()
    app.produce('in', 'a', 'x', { partition: 0 })
    await app.drained('in', 0)
    app.produce('in', 'b', 'x', { partition: 1 })
    app.produce('in', 'a', 'bad', { partition: 0 })
    await app.time.until('stopped', () => app.instance.state() === 'ERROR')
    expect((await app.instance.stopped)?.message).toBe(DEATH)
    expect(app.membership.shutdownReason).toBe(told)
    expect(app.committed('in', 1)).toBe(1)
  })

  it('stops the instance when the handler itself throws', async () => {
    const uncaught = (): UncaughtExceptionResponse => {
      throw new StreamsConfigError('a bug in the handler')
    }
    const app = new MemoryApp({ plan: failing(), topics: { in: 1, out: 1 }, uncaught })
    await app.start()
    app.produce('in', 'a', 'x')
    app.produce('in', 'a', 'bad')
    await app.time.until('stopped', () => app.instance.state() === 'ERROR')
    expect((await app.instance.stopped)?.message).toBe(DEATH)
  })
})
