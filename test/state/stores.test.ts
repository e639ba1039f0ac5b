import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { levelBackends } from '../../state/backends/level.ts'
import { memoryBackends } from '../../state/backends/memory.ts'
import { keyValueModel, keyValueOps } from './key-value.model.ts'
import { storeConformance } from './stores.conformance.ts'

const directory = mkdtempSync(join(tmpdir(), 'ride-streams-stores-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const benches = [
  { backend: 'memory', factory: memoryBackends({ durable: true }), numRuns: 120 },
  { backend: 'level', factory: levelBackends(directory), numRuns: 15 },
]

for (const { numRuns, ...bench } of benches) {
  const runs = { numRuns, maxLength: 30 }
  const plain = { timestamped: false, headers: false, scan: false, caching: false }
  storeConformance(bench, keyValueModel(plain), keyValueOps, runs)
  storeConformance(bench, keyValueModel({ ...plain, timestamped: true, caching: true, scan: true }), keyValueOps, runs)
  storeConformance(bench, keyValueModel({ ...plain, timestamped: true, headers: true, scan: true }), keyValueOps, runs)
  storeConformance(bench, keyValueModel({ ...plain, timestamped: true, ttlMs: 20 }), keyValueOps, runs)
}
