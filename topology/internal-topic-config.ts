import type { StoreSpec } from '../state/ports/store-spec.ts'

type TopicConfig = Readonly<Record<string, string>>

/**
 * No limit. One less than the broker's own default: while a limit has its default value, brokers before 4.0 take the older
 * message.timestamp.difference.max.ms instead.
 */
const UNLIMITED = '9223372036854775806'

/** Beyond it a request with one such record would pass the 100 MiB a broker reads (socket.request.max.bytes). */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024

/**
 * Limits of topics that hold what became of the input: those of the broker must not refuse what an input topic took, whatever its time
 * and size. Kafka 4 refuses times more than an hour ahead, unless the topic says otherwise.
 */
export const TAKES_WHAT_INPUT_TOOK: TopicConfig = {
  'message.timestamp.type': 'CreateTime',
  'message.timestamp.before.max.ms': UNLIMITED,
  'message.timestamp.after.max.ms': UNLIMITED,
  'max.message.bytes': String(MAX_MESSAGE_BYTES),
}

/** Records are deleted neither by time nor by size. */
const KEPT: TopicConfig = { 'cleanup.policy': 'delete', 'retention.ms': '-1', 'retention.bytes': '-1' }

/** The application purges repartition topics below its committed offsets; time never deletes their records. */
export function repartitionTopicConfig(): TopicConfig {
  return { ...TAKES_WHAT_INPUT_TOOK, ...KEPT, 'segment.bytes': String(50 * 1024 * 1024) }
}

/** Ticks are part of the input, so they are kept as long as a replay may need them. */
export function idleTickTopicConfig(): TopicConfig {
  return { ...TAKES_WHAT_INPUT_TOOK, ...KEPT }
}

/** Answers have the time of their record, so the same retention as that of the input keeps them as long. @param retentionMs -1: for good */
export function answersTopicConfig(retentionMs: number): TopicConfig {
  return { ...TAKES_WHAT_INPUT_TOOK, ...KEPT, 'retention.ms': String(retentionMs) }
}

/**
 * Only compacted: brokers delete by their own clock, but rows expire by stream time (docs/decisions/changelog-expiry.md).
 * `changelogConfig` of the store takes precedence.
 */
export function changelogTopicConfig(spec: StoreSpec): TopicConfig {
  return { ...TAKES_WHAT_INPUT_TOOK, 'cleanup.policy': 'compact', ...spec.changelogConfig }
}
