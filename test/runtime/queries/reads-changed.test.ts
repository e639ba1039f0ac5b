import { expect, it } from 'vitest'
import { LocalThread } from '../../../runtime/thread/local-thread.ts'
import { CommitFailedError } from '../../../state/ports/errors.ts'
import { countingPlan } from '../../support/counting-plan.ts'
import { MemoryApp } from '../../support/memory-app.ts'

const TOPICS = { in: 1, out: 1 }
const READ = { taskId: '0_0', store: 'counts', key: 'a', role: 'active', asJson: false } as const

it('a point read has the same answer until the thread reports changed reads', async () => {
  const app = new MemoryApp({ plan: countingPlan(), topics: TOPICS, config: { commitIntervalMs: 20 } })
  const answers = new Map<number, string>()
  const unannounced: string[][] = []
  const look = (): void => {
    const answer = JSON.stringify(app.threads[0]?.read(READ) ?? null)
    const before = answers.get(app.readsVersion) ?? answer
    if (answer !== before) unannounced.push([before, answer])
    answers.set(app.readsVersion, answer)
  }
  // Looks as early as possible, where rows have become visible and tasks have gone.
  app.onReadsChanged = () => queueMicrotask(look)
  app.wrapStore = (store) => {
    const [settle, close] = [store.settle.bind(store), store.close.bind(store)]
    store.settle = (position) => {
      const done = settle(position)
      look()
      return done
    }
    store.close = () => {
      look()
      return close()
    }
    return store
  }
  await app.start()
  await app.drained('in')
  for (let i = 0; i < 30; i++) {
    app.produce('in', 'a', 'x')
    if (i === 10) app.writer.before = () => Promise.reject(new CommitFailedError('planned'))
    if (i === 12) app.writer.before = async () => undefined
    await app.time.pass(7)
    look()
  }
  await app.drained('in')
  await app.instance.close()
  expect(unannounced).toEqual([])
  // Rows, lag, and a task that closed and came back after the failed commit were seen.
  const seen = new Set(answers.values())
  expect(seen.size).toBeGreaterThan(20)
  expect(seen).toContain('null')
  expect([...seen].some((answer) => answer.includes('"lag":1'))).toBe(true)
})

it('a kept answer is valid only while the same thread runs its task', async () => {
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
