import { describe, expect, it } from 'vitest'
import { PunctuationQueue } from '../../../runtime/task/punctuation.ts'
import type { TimestampedKeyValueStore } from '../../../state/ports/stores.ts'
import { record } from '../../../topology/record.ts'
import { countingPlan } from '../../support/counting-plan.ts'
import { MemoryApp } from '../../support/memory-app.ts'

/** The fired schedules, as [schedule, time]. */
function firedAt(queue: PunctuationQueue, now: number): number[] {
  const times: number[] = []
  queue.fire(now, (_node, punctuator, timestamp) => {
    times.push(timestamp)
    punctuator(timestamp)
  })
  return times
}

describe('a schedule', () => {
  // Kafka Streams' rule (PunctuationSchedule.next): times at which it is asked, and how often it has fired by then.
  it.each([
    ['one interval after the other', [0, 99, 100, 199, 200], [1, 1, 2, 2, 3]],
    ['aligned to its start when late', [0, 101, 105, 202, 203], [1, 2, 2, 3, 3]],
    ['once for several intervals missed', [0, 300, 399, 400, 1001, 1002, 1099, 1100], [1, 2, 2, 3, 4, 4, 4, 5]],
  ])('fires %s', (_name, asked, expected) => {
    const queue = new PunctuationQueue()
    let fired = 0
    queue.schedule('node', 0, 100, () => fired++)
    const counts = asked.map((now) => {
      firedAt(queue, now)
      return fired
    })
    expect(counts).toEqual(expected)
  })

  it('fires by due time, then in order of scheduling', () => {
    const queue = new PunctuationQueue()
    const order: string[] = []
    queue.schedule('n', 20, 100, () => order.push('late'))
    queue.schedule('n', 10, 100, () => order.push('first'))
    queue.schedule('n', 10, 100, () => order.push('second'))
    expect(firedAt(queue, 20)).toEqual([20, 20, 20])
    expect(order).toEqual(['first', 'second', 'late'])
  })

  it('does not fire again when it is cancelled, before or while it fires', () => {
    const queue = new PunctuationQueue()
    let fired = 0
    const inside = queue.schedule('n', 0, 10, () => {
      fired++
      inside.cancel()
    })
    const before = queue.schedule('n', 5, 10, () => fired++)
    before.cancel()
    firedAt(queue, 100)
    firedAt(queue, 200)
    expect(fired).toBe(1)
    expect(queue.nextDue).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('a wall-clock punctuator', () => {
  it('without any input gets its outputs and store changes committed', async () => {
    const app = new MemoryApp({
      plan: countingPlan({
        onInit(context) {
          const store = context.store<TimestampedKeyValueStore<string, number>>('counts')
          context.schedule(1000, 'wall-clock-time', (timestamp) => {
            const value = (store.get('ticks')?.value ?? 0) + 1
            store.put('ticks', { value, timestamp })
            if (value % 2 === 0) context.forward(record('ticks', String(value), timestamp))
          })
        },
      }),
      topics: { in: 1, out: 1 },
    })
    await app.start()
    await app.drained('in')
    // They alone are checked against the generation of the group: a process that has lost the task must not commit.
    const offsets: number[] = []
    app.writer.before = async (request) => void offsets.push(request.offsets.length)
    await app.time.pass(5100)
    expect(offsets).toEqual([1, 1, 1, 1, 1])
    expect(app.lines('out')).toEqual(['ticks=2', 'ticks=4'])
    expect((await app.instance.get('counts', 'ticks')).result).toMatchObject({ value: 5 })
    expect(app.lines('app-counts-changelog')).toHaveLength(5)
    await app.instance.close()
  })

  it('that is far away does not wake the thread in between', async () => {
    const app = new MemoryApp({
      plan: countingPlan({
        onInit: (context) => context.schedule(1000 * 3600 * 24 * 365, 'wall-clock-time', () => undefined),
      }),
      topics: { in: 1, out: 1 },
    })
    await app.start()
    await app.drained('in')
    let sleeps = 0
    const sleep = app.time.sleep.bind(app.time)
    app.time.sleep = (ms) => {
      sleeps++
      // The longest time that a timer of Node can hold.
      expect(ms).toBeLessThan(2 ** 31)
      return sleep(ms)
    }
    await app.time.pass(60_000)
    expect(sleeps).toBeLessThanOrEqual(121 + 3)
    await app.instance.close()
  })
})

describe('a stream-time punctuator', () => {
  it('fires with the first record and then in alignment with it, driven by timestamps alone', async () => {
    const fired: number[] = []
    const app = new MemoryApp({
      plan: countingPlan({ onInit: (context) => context.schedule(100, 'stream-time', (time) => fired.push(time)) }),
      topics: { in: 1, out: 1 },
    })
    await app.start()
    await app.time.pass(10_000)
    expect(fired).toEqual([])
    for (const timestamp of [42, 50, 120, 90, 430, 499, 500]) app.produce('in', 'a', 'x', { timestamp })
    await app.drained('in')
    expect(fired).toEqual([42, 120, 430, 500])
    await app.instance.close()
  })
})
