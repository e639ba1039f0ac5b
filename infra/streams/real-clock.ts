import type { Clock } from '../../runtime/ports/clock.ts'

const clock = (sleep: Clock['sleep']): Clock => ({
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep,
  yield: () => new Promise((resolve) => setImmediate(resolve)),
})

/** Wall clock and timers of this process, which keep it alive: for programs that wait for nothing else meanwhile. */
export const realClock = clock((ms) => new Promise((resolve) => setTimeout(resolve, ms)))

/** The same with timers that do not: for an instance, which has ended when it is closed. */
export const instanceClock = clock(
  (ms) =>
    new Promise((resolve) => {
      setTimeout(resolve, ms).unref()
    }),
)
