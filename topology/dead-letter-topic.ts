const DAY_MS = 86_400_000

/** The topic of an application's dead letters. */
export function deadLetterTopic(applicationId: string): string {
  return `${applicationId}.dlq`
}

/** How the topic of dead letters is made. */
export const DEAD_LETTER_TOPIC = {
  partitions: 3,
  config: {
    'cleanup.policy': 'delete',
    'retention.ms': String(14 * DAY_MS),
    // Dead letters carry the timestamps of old records; retention counts from the day they died.
    'message.timestamp.type': 'LogAppendTime',
    // A record as large as its topic takes has room for the headers that say what was wrong.
    'max.message.bytes': String(2 * 1024 * 1024),
  },
} as const
