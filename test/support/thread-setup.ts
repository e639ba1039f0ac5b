import type { ThreadSetup } from '../../infra/streams/thread-messages.ts'
import { DEFAULT_STREAMS_CONFIG } from '../../runtime/instance/streams-config.ts'

/** The setup of a stream thread without brokers. */
export const THREAD_SETUP: ThreadSetup = {
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
