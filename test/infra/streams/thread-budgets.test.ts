import { afterEach, expect, it, vi } from 'vitest'
import { configOf } from '../../../infra/config/index.ts'
import { memoryShares } from '../../../infra/config/memory-shares.ts'
import { KafkaReader } from '../../../infra/kafka/kafka-reader.ts'
import { KafkaWriter } from '../../../infra/kafka/kafka-writer.ts'
import { OpenThread } from '../../../infra/streams/open-thread.ts'
import { type ThreadBudget, ThreadBudgets } from '../../../infra/streams/thread-budgets.ts'
import { LocalThread } from '../../../runtime/thread/local-thread.ts'
import { WaitingRows } from '../../../state/backends/waiting-rows.ts'
import { CacheBudget } from '../../../state/layers/cache-budget.ts'
import { StreamsBuilder, serdes } from '../../../topology/index.ts'
import { THREAD_SETUP } from '../../support/thread-setup.ts'

const MIB = 1024 * 1024

afterEach(() => {
  vi.restoreAllMocks()
})

/** A thread that keeps the budgets it hears of. */
function listening() {
  const heard: ThreadBudget[] = []
  return { heard, setBudget: (budget: ThreadBudget) => void heard.push(budget) }
}

it('all threads hear of their new budget when one comes or goes, and one that has ended hears nothing', () => {
  const budgets = new ThreadBudgets(configOf({ numStreamThreads: 1, memoryLimitBytes: 4096 * MIB }))
  const [first, second, again] = [listening(), listening(), listening()]
  const half = {
    cacheMaxBytes: 32 * MIB,
    writeBehindMaxBytes: 24 * MIB,
    maxEpochBytes: 16 * MIB,
    fetchMaxBytes: 2 * MIB,
  }
  const whole = { ...half, cacheMaxBytes: 64 * MIB, writeBehindMaxBytes: 48 * MIB }
  expect(budgets.each).toEqual(whole)
  budgets.begun(0, first)
  budgets.begun(1, second)
  budgets.divide(2)
  expect(budgets.each).toEqual(half)
  budgets.divide(1)
  budgets.begun(0, again)
  budgets.divide(2)
  expect([first.heard, second.heard, again.heard]).toEqual([[half, whole], [half], [half]])
})

it('under a memory limit each of more threads has smaller epochs, answers and young objects', () => {
  const budgets = new ThreadBudgets(configOf({ numStreamThreads: 1, memoryLimitBytes: 512 * MIB }))
  const one = budgets.each
  const young = [0, 1].map((index) => budgets.youngGenerationBytes(index) / MIB)
  budgets.divide(2)
  const two = budgets.each
  const { maxEpochBytes, fetchMaxBytes } = memoryShares(512 * MIB, 2)
  expect(two).toMatchObject({ maxEpochBytes, fetchMaxBytes })
  expect(two.maxEpochBytes).toBeLessThan(one.maxEpochBytes)
  expect(young).toEqual([24, 12])
})

it('each part of a thread takes its limit of a new budget', async () => {
  const builder = new StreamsBuilder()
  builder.stream('in', { keySerde: serdes.string, valueSerde: serdes.string }).to('out')
  const plan = builder.build().build({ applicationId: 'test' })
  const budget = { cacheMaxBytes: 1, writeBehindMaxBytes: 2, maxEpochBytes: 3, fetchMaxBytes: 4 }
  const thread = await OpenThread.open(
    { ...THREAD_SETUP, budget },
    { index: 0, app: { plan }, onEvent: () => undefined },
  )
  const limits = [
    vi.spyOn(CacheBudget.prototype, 'limit', 'set'),
    vi.spyOn(WaitingRows.prototype, 'limit', 'set'),
    vi.spyOn(LocalThread.prototype, 'maxEpochBytes', 'set'),
    vi.spyOn(KafkaReader.prototype, 'fetchMaxBytes', 'set'),
    vi.spyOn(KafkaWriter.prototype, 'poolBytes', 'set'),
  ]
  thread.setBudget({ cacheMaxBytes: 5, writeBehindMaxBytes: 6, maxEpochBytes: 7, fetchMaxBytes: 8 })
  expect(limits.map(({ mock }) => mock.calls)).toEqual([[[5]], [[6]], [[7]], [[8]], [[14]]])
  await thread.close()
  expect(await thread.stopped).toBeNull()
})
