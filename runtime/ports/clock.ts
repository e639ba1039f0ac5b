/** The only source of wall-clock time and waiting in runtime/. Real in infra/, by hand in tests and simulation. */
export interface Clock {
  /** Epoch ms. */
  now(): number
  /** Monotonic ms, for durations and slices. */
  monotonic(): number
  /** Resolves after `ms`. */
  sleep(ms: number): Promise<void>
  /** Lets I/O, messages and timers run before the next slice of work. */
  yield(): Promise<void>
}
