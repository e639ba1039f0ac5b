import type { Clock } from '../../runtime/ports/clock.ts'

/** Wall clock and timers of this process. Timers do not keep the process alive. */
export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms) =>
    new Promise((resolve) => {
      setTimeout(resolve, ms).unref()
    }),
  yield: () => new Promise((resolve) => setImmediate(resolve)),
}
