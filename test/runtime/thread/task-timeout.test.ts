import { describe, expect, it } from 'vitest'
import { CommitFailedError, RetriableError } from '../../../state/ports/errors.ts'
import { countingPlan } from '../../support/counting-plan.ts'
import { MemoryApp } from '../../support/memory-app.ts'

const TOPICS = { in: 2, out: 1 }
const MINUTE = 60_000
const noAnswer = () => new RetriableError('NO_ANSWER', 'no broker answered')

async function started(): Promise<MemoryApp> {
  const app = new MemoryApp({ plan: countingPlan(), topics: TOPICS, config: { taskTimeoutMs: 5 * MINUTE } })
  await app.start()
  await app.drained('in', 0)
  await app.drained('in', 1)
  return app
}

describe('a commit that brokers do not accept', () => {
  it('is repeated with a new transaction until they do, and counts once', async () => {
    const app = await started()
    let isDown = true
    app.writer.before = async () => {
      if (isDown) throw new CommitFailedError('no commit', { cause: noAnswer() })
    }
    app.writer.beforeInit = async () => {
      await app.time.sleep(10_000)
      if (isDown) throw noAnswer()
    }
    app.produce('in', 'a', 'x')
    await app.time.pass(4 * MINUTE)
    expect(app.recovered.length).toBeGreaterThan(10)
    isDown = false
    await app.drained('in')
    expect(app.lines('out')).toEqual(['a=1'])
    await app.instance.close()
    expect(await app.instance.stopped).toBeNull()
  })

  it('ends the thread after TASK_TIMEOUT_MS with an error that says so', async () => {
    const app = await started()
    app.writer.before = async () => {
      throw new CommitFailedError('no commit', { cause: noAnswer() })
    }
    app.produce('in', 'a', 'x')
    const from = app.time.now()
    await app.time.until('stopped', () => app.instance.state() === 'ERROR', 10 * MINUTE)
    expect(app.time.now() - from).toBeGreaterThan(5 * MINUTE)
    expect(app.time.now() - from).toBeLessThan(5.1 * MINUTE)
    expect(await app.instance.stopped).toMatchObject({
      code: 'TASK_TIMEOUT',
      message: 'tasks 0_0, 0_1 made no progress for 300000 ms (taskTimeoutMs): no commit',
    })
  })

  it('no longer counts once a commit succeeds or nothing is left to do', async () => {
    const app = await started()
    for (let round = 1; round <= 4; round++) {
      let fails = 3
      app.writer.before = async () => {
        if (fails-- > 0) throw new CommitFailedError('no commit', { cause: noAnswer() })
      }
      app.produce('in', 'a', 'x')
      await app.drained('in')
      // Long times without a commit, and then the next failure.
      await app.time.pass(10 * MINUTE)
    }
    let isDown = true
    app.writer.beforeInit = async () => {
      if (isDown) throw noAnswer()
    }
    app.cluster.initProducerId('tx-0')
    app.produce('in', 'a', 'x')
    await app.time.until('fenced', () => app.instance.state() === 'REBALANCING')
    await app.membership.rebalance()
    await app.time.pass(MINUTE)
    isDown = false
    await app.drained('in')
    expect(app.lines('out')).toEqual(['a=1', 'a=2', 'a=3', 'a=4', 'a=5'])
    expect(await app.instance.close()).toBeUndefined()
    expect(await app.instance.stopped).toBeNull()
  })
})

describe('a task that brokers do not let open', () => {
  /** Task 0_1 moves away and comes back while the end of its changelog is unknown. */
  async function withoutEnds() {
    const app = await started()
    await app.membership.rebalance({ active: ['0_0'] })
    const state = { isDown: true, asked: 0 }
    app.admin.before = (partitions) => {
      if (!state.isDown || !partitions.some(({ topic, partition }) => topic.endsWith('changelog') && partition === 1))
        return
      state.asked++
      throw noAnswer()
    }
    await app.membership.rebalance({ active: ['0_0', '0_1'] })
    return { app, state }
  }

  it('is tried again with growing pauses, while the others continue', async () => {
    const { app, state } = await withoutEnds()
    for (let minute = 0; minute < 4; minute++) {
      app.produce('in', 'a', 'x', { partition: 0 })
      await app.drained('in', 0)
      await app.time.pass(MINUTE)
    }
    expect(app.lines('out')).toEqual(['a=1', 'a=2', 'a=3', 'a=4'])
    expect((await app.instance.tasks()).map(({ state: now }) => now)).toEqual(['running', 'restoring'])
    expect(state.asked).toBeGreaterThan(20)
    expect(state.asked).toBeLessThan(80)
    state.isDown = false
    app.produce('in', 'b', 'x', { partition: 1 })
    await app.drained('in', 1)
    expect(app.instance.state()).toBe('RUNNING')
    await app.instance.close()
    expect(await app.instance.stopped).toBeNull()
  })

  it('ends the thread after TASK_TIMEOUT_MS with an error that names the task', async () => {
    const { app } = await withoutEnds()
    await app.time.until('stopped', () => app.instance.state() === 'ERROR', 10 * MINUTE)
    expect(await app.instance.stopped).toMatchObject({
      code: 'TASK_TIMEOUT',
      message: 'task 0_1 made no progress for 300000 ms (taskTimeoutMs): no broker answered',
    })
  })
})
