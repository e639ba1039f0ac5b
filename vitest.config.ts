import { defineConfig } from 'vitest/config'
import LongestFirst from './test/support/longest-first.ts'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/kafka-desk.ts'],
    // They end what hangs, and judge nobody's speed.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 60_000, interval: 50 } },
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    // Of kafkajs, at every request: it computes how long ago it should have looked at its queue.
    execArgv: ['--disable-warning=TimeoutNegativeWarning'],
    reporters: ['default', './test/support/closing-line.ts'],
  },
})
