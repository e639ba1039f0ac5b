import type { StoreSpec } from '../state/ports/store-spec.ts'

const DAY_MS = 86_400_000

type TopicConfig = Readonly<Record<string, string>>

/** Repartition topics are purged by the application below its committed offsets, never by time. */
export function repartitionTopicConfig(): TopicConfig {
  return {
    'cleanup.policy': 'delete',
    'message.timestamp.type': 'CreateTime',
    'retention.ms': '-1',
    'segment.bytes': String(50 * 1024 * 1024),
  }
}

/** Ticks are part of the input: kept for as long as somebody may replay it. */
export function idleTickTopicConfig(): TopicConfig {
  return { 'cleanup.policy': 'delete', 'message.timestamp.type': 'CreateTime', 'retention.ms': '-1' }
}

/**
 * As Kafka Streams configures changelogs: compacted; with the store's retention plus a day where rows expire by
 * time (clock skew between stream time and broker time). `changelogConfig` of the store wins.
 */
export function changelogTopicConfig(spec: StoreSpec): TopicConfig {
  const base: Record<string, string> = { 'cleanup.policy': 'compact', 'message.timestamp.type': 'CreateTime' }
  const expireAfter = (ms: number): void => {
    base['cleanup.policy'] = 'compact,delete'
    base['retention.ms'] = String(ms + DAY_MS)
  }
  switch (spec.kind) {
    case 'key-value':
      if (spec.ttlMs !== undefined) expireAfter(spec.ttlMs)
      break
    case 'window':
    case 'session':
      expireAfter(spec.retentionMs)
      break
    case 'versioned':
      base['min.compaction.lag.ms'] = String(spec.historyRetentionMs + DAY_MS)
      break
  }
  return { ...base, ...spec.changelogConfig }
}
