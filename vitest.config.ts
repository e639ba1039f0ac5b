import { defineConfig } from 'vitest/config'
import LongestFirst from './test/support/longest-first.ts'

/** Directories whose tests need no broker: only these share a process. The engine is loaded once for all of them. */
const UNITS = [
  ...['topology', 'state', 'runtime', 'processors', 'examples', 'differential', 'load-tests', 'simulation', 'soak'],
  ...['client', 'config', 'export', 'http', 'simulator'].map((room) => `app/${room}`),
  ...['config', 'http', 'logging', 'metrics', 'serdes', 'terminal', 'topics', 'tracing'].map((room) => `infra/${room}`),
].map((room) => `test/${room}/**/*.test.ts`)

export default defineConfig({
  // Examples import the package, as its users do; their tests run the sources.
  resolve: {
    alias: [
      { find: /^ride-streams$/, replacement: `${import.meta.dirname}/exports/index.ts` },
      { find: /^ride-streams\/events$/, replacement: `${import.meta.dirname}/exports/events.ts` },
      { find: /^ride-streams\/serve$/, replacement: `${import.meta.dirname}/exports/serve.ts` },
      { find: /^ride-streams\/serdes$/, replacement: `${import.meta.dirname}/exports/serdes.ts` },
      { find: /^ride-streams\/testing$/, replacement: `${import.meta.dirname}/exports/testing.ts` },
    ],
  },
  test: {
    // They end what hangs, and judge nobody's speed.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 60_000, interval: 50 } },
    // Two more than a small machine has cores: while tests wait for a session, a start or a commit, the others run.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    // Processes that tests start load what those before have compiled, as those of bin/ride-streams do.
    env: { NODE_COMPILE_CACHE: `${import.meta.dirname}/node_modules/.cache/ride-streams` },
    // kafkajs warns at every request: it computes how long ago it should have looked at its queue.
    execArgv: ['--disable-warning=TimeoutNegativeWarning'],
    reporters: ['default', './test/support/closing-line.ts'],
    projects: [
      {
        extends: true,
        // The rooms have no mutable globals, so a file cannot change their modules for the next one.
        // The setup file fails a file that mocks a module or leaves the process changed.
        test: { name: 'unit', include: UNITS, isolate: false, setupFiles: ['test/support/shared-process.ts'] },
      },
      {
        extends: true,
        test: {
          name: 'whole',
          include: ['test/**/*.test.ts', 'examples/*.test.ts'],
          exclude: UNITS,
          globalSetup: ['test/support/kafka-desk.ts'],
        },
      },
    ],
  },
})
