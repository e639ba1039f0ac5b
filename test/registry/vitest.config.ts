import { defineConfig } from 'vitest/config'

/** `npm run test:registry`: not part of `npm test`, because it downloads a schema registry of 140 MB with Maven, once. */
export default defineConfig({
  test: {
    include: ['test/registry/*.registry.ts'],
    testTimeout: 60_000,
    hookTimeout: 600_000,
    reporters: ['default', './test/support/closing-line.ts'],
  },
})
