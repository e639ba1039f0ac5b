import { defineConfig } from 'vitest/config'

/** A part of `npm run test:brokers`: three brokers as docker-compose.yaml sets them are not booted in `npm test`. */
export default defineConfig({
  test: {
    include: ['test/brokers/*.brokers.ts'],
    testTimeout: 300_000,
    // kafkajs warns at every request: it computes how long ago it should have looked at its queue.
    execArgv: ['--disable-warning=TimeoutNegativeWarning'],
    reporters: ['default', './test/support/closing-line.ts'],
  },
})
