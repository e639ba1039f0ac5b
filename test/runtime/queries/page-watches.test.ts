import { beforeEach, expect, it } from 'vitest'
import { PageWatches } from '../../../runtime/queries/page-watches.ts'
import type { ThreadAnswer, ThreadPage } from '../../../runtime/thread/thread-control.ts'

const PAGE: ThreadPage = {
  taskId: '0_0',
  store: 'counts',
  question: { type: 'windows', key: 'a', from: 0, to: 9, limit: 3, reverse: false },
  limit: 2,
}

/** Answers to the reads, each when the test gives it. */
let asked: PromiseWithResolvers<ThreadAnswer<string> | null>[]
let watches: PageWatches

beforeEach(() => {
  asked = []
  watches = new PageWatches(() => {
    const answer = Promise.withResolvers<ThreadAnswer<string> | null>()
    asked.push(answer)
    return answer.promise
  })
})

const turn = (): Promise<void> => new Promise(setImmediate)

async function answer(result: string | null | Error): Promise<void> {
  const next = asked.shift()
  if (next === undefined) throw new Error('nothing was asked')
  if (result instanceof Error) next.reject(result)
  else next.resolve(result === null ? null : { result, lag: 0 })
  await turn()
}

async function watch() {
  const told: string[] = []
  const adding = watches.add(PAGE, ({ result }) => told.push(result ?? 'nothing'))
  await answer('one')
  return { told, page: await adding }
}

it('a watch reports the page as it is, and then after each commit that changed it', async () => {
  const { told, page } = await watch()
  expect(page?.first).toEqual({ result: 'one', lag: 0 })
  watches.look()
  await answer('one')
  expect(told).toEqual([])
  watches.look()
  await answer('two')
  expect(told).toEqual(['two'])
  page?.remove()
  watches.look()
  expect([told, asked]).toEqual([['two'], []])
})

it('a page is read once at a time: of several commits during a read, the last is reported', async () => {
  const { told } = await watch()
  for (let i = 0; i < 5; i++) watches.look()
  expect(asked).toHaveLength(1)
  await answer('two')
  expect(asked).toHaveLength(1)
  await answer('three')
  expect([told, asked]).toEqual([['two', 'three'], []])
})

it('a commit during the first read is not missed', async () => {
  const told: string[] = []
  const adding = watches.add(PAGE, ({ result }) => told.push(result ?? 'nothing'))
  watches.look()
  await answer('one')
  expect((await adding)?.first.result).toBe('one')
  await answer('two')
  expect(told).toEqual(['two'])
})

it('a page that cannot be read, or whose task is gone, is read again after the next commit', async () => {
  const { told } = await watch()
  for (const failure of [new Error('damaged'), null]) {
    watches.look()
    await answer(failure)
  }
  watches.look()
  await answer('two')
  expect(told).toEqual(['two'])
})

it('a first read that fails, or finds no task, leaves no watch', async () => {
  const failing = watches.add(PAGE, () => undefined)
  failing.catch(() => undefined)
  await answer(new Error('damaged'))
  await expect(failing).rejects.toThrow('damaged')
  const missing = watches.add(PAGE, () => undefined)
  await answer(null)
  expect(await missing).toBeNull()
  watches.look()
  expect(asked).toEqual([])
})
