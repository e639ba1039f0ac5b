import { beforeEach, expect, it } from 'vitest'
import { RowWatches } from '../../../runtime/queries/row-watches.ts'
import type { ThreadAnswer } from '../../../runtime/thread/thread-control.ts'

/** Rows of one open task, as committed. */
const rows = new Map<string, { readonly count: number }>()
let isOpen: boolean
let lag: number
let reads: number
let views: number
let watches: RowWatches

beforeEach(() => {
  rows.clear()
  isOpen = true
  lag = 0
  reads = 0
  views = 0
  watches = new RowWatches({
    stored({ key }) {
      reads++
      return isOpen ? { result: rows.get(key) ?? null, lag } : null
    },
    json(_store, _key, stored) {
      views++
      if ((stored as { count: number }).count < 0) throw new Error('a fault of the view')
      return JSON.stringify(stored)
    },
    plainJson: (_store, _key, stored) => JSON.stringify(stored),
  })
})

function watch(key: string) {
  const told: ThreadAnswer<string | null>[] = []
  const row = watches.add({ taskId: '0_0', store: 'counts', key }, (answer) => told.push(answer))
  return { told, row }
}

it('a watch reports the row as it is, and then after each commit that changed or deleted it', () => {
  rows.set('a', { count: 1 })
  const { told, row } = watch('a')
  expect(row?.first).toEqual({ result: '{"count":1}', lag: 0 })
  watches.look()
  expect(told).toEqual([])
  lag = 4
  rows.set('a', { count: 2 })
  watches.look()
  rows.delete('a')
  watches.look()
  rows.set('a', { count: 3 })
  watches.look()
  expect(told).toEqual([
    { result: '{"count":2}', lag: 4 },
    { result: null, lag: 4 },
    { result: '{"count":3}', lag: 4 },
  ])
})

it('a watch reports a missing row when it appears', () => {
  const { told, row } = watch('a')
  expect(row?.first).toEqual({ result: null, lag: 0 })
  watches.look()
  rows.set('a', { count: 1 })
  watches.look()
  expect(told).toEqual([{ result: '{"count":1}', lag: 0 }])
})

it('a row written again with the same content is not reported, and the same row is not compared', () => {
  rows.set('a', { count: 1 })
  const { told } = watch('a')
  expect(views).toBe(1)
  watches.look()
  expect(views).toBe(1)
  rows.set('a', { count: 1 })
  watches.look()
  expect([views, told]).toEqual([2, []])
})

it('a view that throws costs neither the look nor other watches anything, and is asked again after the next commit', () => {
  rows.set('a', { count: 1 })
  rows.set('b', { count: 1 })
  const [a, b] = [watch('a'), watch('b')]
  rows.set('a', { count: -1 })
  rows.set('b', { count: 2 })
  watches.look()
  expect([a.told, b.told]).toEqual([[], [{ result: '{"count":2}', lag: 0 }]])
  rows.set('a', { count: 3 })
  watches.look()
  expect(a.told).toEqual([{ result: '{"count":3}', lag: 0 }])
})

it('each watch of a row is called until it is removed', () => {
  rows.set('a', { count: 1 })
  const [one, two] = [watch('a'), watch('a')]
  const three = watch('b')
  one.row?.remove()
  rows.set('a', { count: 2 })
  watches.look()
  expect([one.told.length, two.told.length, three.told.length]).toEqual([0, 1, 0])
  for (const { row } of [two, three]) row?.remove()
  reads = 0
  watches.look()
  expect(reads).toBe(0)
})

it('a task that is not open cannot be watched, and one that closes reports nothing more', () => {
  rows.set('a', { count: 1 })
  const { told } = watch('a')
  isOpen = false
  expect(watch('a').row).toBeNull()
  rows.set('a', { count: 2 })
  watches.look()
  expect(told).toEqual([])
  isOpen = true
  watches.look()
  expect(told).toEqual([{ result: '{"count":2}', lag: 0 }])
})
