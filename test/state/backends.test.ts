import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { levelBackends } from '../../state/backends/level.ts'
import { memoryBackends } from '../../state/backends/memory.ts'
import { rocksdbBackends } from '../../state/backends/rocksdb.ts'
import { writeBehind } from '../../state/backends/write-behind.ts'
import { backendConformance } from './backends.conformance.ts'

const directory = mkdtempSync(join(tmpdir(), 'ride-streams-backends-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

backendConformance(() => ({ name: 'memory', directory: null, factory: memoryBackends({ durable: true }) }))
// So small that a few hundred rows make many tables.
const sizes = { writeBufferBytes: 64 * 1024, blockCacheBytes: 64 * 1024 }
backendConformance(() => ({ name: 'level', directory, factory: levelBackends(directory, { sizes }) }))
const rocksdb = join(directory, 'rocksdb')
backendConformance(() => ({
  name: 'rocksdb',
  directory: rocksdb,
  kind: 'rocksdb',
  factory: rocksdbBackends(rocksdb, { sizes }),
}))
backendConformance(() => ({
  name: 'level behind gathered writes',
  directory: null,
  factory: writeBehind(levelBackends(join(directory, 'behind')), { maxCommits: 3 }),
}))
