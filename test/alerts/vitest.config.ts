import { defineConfig } from 'vitest/config'

/** `npm run test:alerts`: not part of `npm test`, because it takes minutes and wants Prometheus on the machine. */
export default defineConfig({
  test: {
    include: ['test/alerts/*.alerts.ts'],
    testTimeout: 120_000,
    hookTimeout: 240_000,
    // kafkajs warns at every request: it computes how long ago it should have looked at its queue.
    execArgv: ['--disable-warning=TimeoutNegativeWarning'],
    reporters: ['default', './test/support/closing-line.ts'],
  },
})
