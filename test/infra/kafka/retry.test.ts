import { expect, it } from 'vitest'
import { type Timing, TryAgain, withRetries } from '../../../infra/kafka/retry.ts'

it('waits longer from attempt to attempt, but no longer than a failure that takes a moment allows', async () => {
  const waits: number[] = []
  const timing: Timing = {
    monotonic: () => 0,
    random: () => 1,
    async pause(ms) {
      waits.push(ms)
    },
  }
  const failures = [
    ...Array.from({ length: 5 }, () => new TryAgain('markers are being written', { maxDelayMs: 8 })),
    ...Array.from({ length: 4 }, () => new TryAgain('the coordinator is moving')),
  ]
  await withRetries({ action: 'commit', timeoutMs: 1000, minDelayMs: 1, maxDelayMs: 200, timing }, async () => {
    const failure = failures.shift()
    if (failure !== undefined) throw failure
  })
  expect(waits).toEqual([1, 2, 4, 8, 8, 32, 64, 128, 200])
})
