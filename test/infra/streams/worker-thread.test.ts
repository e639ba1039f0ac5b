import { expect, it } from 'vitest'
import type { ThreadSetup } from '../../../infra/streams/thread-messages.ts'
import { WorkerThread } from '../../../infra/streams/worker-thread.ts'
import { DEFAULT_STREAMS_CONFIG } from '../../../runtime/instance/streams-config.ts'

const SETUP: ThreadSetup = {
  kafka: { brokers: ['127.0.0.1:1'], clientId: 'test' },
  config: { ...DEFAULT_STREAMS_CONFIG, applicationId: 'test' },
  partitions: new Map(),
  existingTopics: null,
  transactionalId: null,
  transactionTimeoutMs: 30_000,
  closeTimeoutMs: 1000,
  compression: 'none',
  stateBackend: 'memory',
  stateDirectory: '/nowhere',
  bufferSizes: { writeBufferBytes: 1, blockCacheBytes: 1 },
  budget: { cacheMaxBytes: 1, writeBehindMaxBytes: 1, maxEpochBytes: 1, fetchMaxBytes: 1 },
  tracing: null,
}

function newThread(module: string): WorkerThread {
  const app = { module: new URL(module, import.meta.url).href, options: { applicationId: 'test' } }
  return new WorkerThread({ index: 3, app, youngGenerationBytes: 16 * 1024 * 1024 }, () => undefined)
}

it('a stream thread that has not begun can be discarded', async () => {
  const thread = newThread('no-such-module.ts')
  await thread.discard()
  await thread.stopped
  expect(thread.isReady()).toBe(false)
})

it('a stream thread whose module cannot be loaded stops with that error when it begins', async () => {
  const thread = newThread('no-such-module.ts')
  thread.begin(SETUP)
  expect((await thread.stopped)?.message).toMatch(/Cannot find module .*no-such-module\.ts/)
})

it('answers requests that were sent before the thread had loaded its modules', async () => {
  const thread = newThread('slow-to-load.ts')
  thread.begin(SETUP)
  expect(await thread.ask({ type: 'positions' })).toEqual([])
  await thread.close()
  expect(await thread.stopped).toBeNull()
})
