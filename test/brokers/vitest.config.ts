import { defineConfig } from 'vitest/config'

/** A part of `npm run test:brokers`: three brokers as docker-compose.yaml sets them are not booted in `npm test`. */
export default defineConfig({
  test: {
    include: ['test/brokers/*.brokers.ts'],
    testTimeout: 300_000,
    reporters: ['default', './test/support/closing-line.ts'],
  },
})
