import { expect, it } from 'vitest'
import { LocalThread } from '../../runtime/local-thread.ts'
import { CommitFailedError } from '../../state/ports/errors.ts'
import { countingPlan } from '../support/counting-plan.ts'
import { MemoryApp } from '../support/memory-app.ts'

const TOPICS = { in: 1, out: 1 }
const READ = { taskId: '0_0', store: 'counts', key: 'a', role: 'active', asJson: false } as const

it('a point read answers the same until the thread has told that reads have changed', async () => {
  const app = new MemoryApp({ plan: countingPlan(), topics: TOPICS, config: { commitIntervalMs: 20 } })
  await app.start()
  await app.drained('in')
  const answers = new Map<number, string>()
  let isOver = false
  const watch = (async () => {
    for (let look = 1; !isOver; look++) {
      const answer = JSON.stringify(app.threads[0]?.read(READ) ?? null)
      const before = answers.get(app.readsVersion)
      if (before !== undefined) expect(answer).toBe(before)
      answers.set(app.readsVersion, answer)
      // Between any two steps of whatever else is under way, which also needs turns of the event loop.
      await (look % 20 === 0 ? new Promise((resolve) => setImmediate(resolve)) : Promise.resolve())
    }
  })()
  for (let i = 0; i < 30; i++) {
    app.produce('in', 'a', 'x')
    if (i === 10) app.writer.before = () => Promise.reject(new CommitFailedError('planned'))
    if (i === 12) app.writer.before = async () => undefined
    await app.time.pass(7)
  }
  await app.drained('in')
  await app.instance.close()
  isOver = true
  await watch
  // Rows, lag, and a task that closed and came back after the failed commit were seen.
  const seen = new Set(answers.values())
  expect(seen.size).toBeGreaterThan(20)
  expect(seen).toContain('null')
  expect([...seen].some((answer) => answer.includes('"lag":1'))).toBe(true)
})

it('a kept answer counts only while its task is run by the thread that gave it', async () => {
  const app = new MemoryApp({ plan: countingPlan(), topics: TOPICS, threads: 2 })
  await app.start()
  await app.drained('in')
  const [first, second] = app.threads
  if (!(first instanceof LocalThread && second instanceof LocalThread)) throw new Error('two threads')
  const answer = { taskId: '0_0', result: '{}', lag: 3 }
  expect(app.instance.keptJson('counts', 'a')).toBeNull()
  Object.assign(second, { kept: () => answer })
  expect(app.instance.keptJson('counts', 'a')).toBeNull()
  Object.assign(first, { kept: () => answer })
  expect(app.instance.keptJson('counts', 'a')).toEqual(answer)
  await app.instance.onLost('away for too long')
  expect(app.instance.keptJson('counts', 'a')).toBeNull()
  await app.instance.close()
})
