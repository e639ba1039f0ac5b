import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { levelBackends } from '../../state/backends/level.ts'
import { memoryBackends } from '../../state/backends/memory.ts'
import { writeBehind } from '../../state/backends/write-behind.ts'
import { keyValueModel, keyValueOps } from './key-value.model.ts'
import { sessionModel, sessionOps } from './session.model.ts'
import { storeConformance } from './stores.conformance.ts'
import { versionedModel, versionedOps } from './versioned.model.ts'
import { windowModel, windowOps } from './window.model.ts'

const directory = mkdtempSync(join(tmpdir(), 'ride-streams-stores-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const benches = [
  { backend: 'memory', factory: memoryBackends({ durable: true }), numRuns: 20, cacheSizes: [0, 3_000] },
  { backend: 'level', factory: levelBackends(directory), numRuns: 6, cacheSizes: [3_000] },
  {
    backend: 'memory behind gathered writes',
    factory: writeBehind(memoryBackends({ durable: true }), { maxCommits: 3 }),
    numRuns: 20,
    cacheSizes: [0, 3_000],
  },
]

for (const { numRuns, cacheSizes, ...bench } of benches) {
  const runs = { numRuns, cacheSizes, maxLength: 60 }
  const plain = { timestamped: false, headers: false, scan: false, caching: false }
  storeConformance(bench, keyValueModel(plain), keyValueOps, runs)
  storeConformance(bench, keyValueModel({ ...plain, timestamped: true, caching: true, scan: true }), keyValueOps, runs)
  storeConformance(bench, keyValueModel({ ...plain, timestamped: true, headers: true, scan: true }), keyValueOps, runs)
  storeConformance(bench, keyValueModel({ ...plain, timestamped: true, ttlMs: 20 }), keyValueOps, runs)
  storeConformance(bench, keyValueModel({ ...plain, timestamped: true, scan: true, ttlMs: 20 }), keyValueOps, runs)
  const parts = { ...plain, timestamped: true, headers: true, ttlMs: 20, changelogParts: true }
  storeConformance(bench, keyValueModel(parts), keyValueOps, runs)

  const window = {
    timestamped: false,
    headers: false,
    caching: false,
    retainDuplicates: false,
    retentionMs: 25,
    windowSizeMs: 10,
  }
  storeConformance(bench, windowModel(window), windowOps, runs)
  storeConformance(
    bench,
    windowModel({ ...window, timestamped: true, caching: true, retentionMs: 1000 }),
    windowOps,
    runs,
  )
  storeConformance(
    bench,
    windowModel({ ...window, timestamped: true, headers: true, windowSizeMs: 1 }),
    windowOps,
    runs,
  )
  storeConformance(bench, windowModel({ ...window, retainDuplicates: true }), windowOps, runs)
  storeConformance(bench, sessionModel(25, false), sessionOps, runs)
  storeConformance(bench, sessionModel(1000, true), sessionOps, runs)
  storeConformance(bench, versionedModel(20), versionedOps, runs)
  storeConformance(bench, versionedModel(1000), versionedOps, runs)
}
