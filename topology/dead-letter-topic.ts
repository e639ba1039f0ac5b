const DAY_MS = 86_400_000

/** The topic of an application's dead letters. */
export function deadLetterTopic(applicationId: string): string {
  return `${applicationId}.dlq`
}

/** Settings with which the topic of dead letters is created. */
export const DEAD_LETTER_TOPIC = {
  partitions: 3,
  config: {
    'cleanup.policy': 'delete',
    'retention.ms': String(14 * DAY_MS),
    // Dead letters carry the timestamps of old records; with LogAppendTime retention counts from the day of failure.
    'message.timestamp.type': 'LogAppendTime',
    // A record as large as its topic allows still has room for the error headers.
    'max.message.bytes': String(2 * 1024 * 1024),
  },
} as const
