import { createOwnTopics, mendOwnTopics, type TopicNoticeListener } from '../../../runtime/instance/topic-settings.ts'
import type { LogAdmin } from '../../../runtime/ports/log.ts'
import { DEAD_LETTER_TOPIC } from '../../../topology/dead-letter-topic.ts'

/** Creates a topic of dead letters, or gives the one that is there the limits it needs. */
export async function ensureDeadLetterTopic(
  admin: LogAdmin,
  name: string,
  onNotice: TopicNoticeListener,
): Promise<void> {
  const topic = { name, ...DEAD_LETTER_TOPIC }
  if ((await admin.describeTopics([topic.name])).size === 0) return await createOwnTopics([topic], admin, onNotice)
  // How long dead letters are kept is their reader's business.
  const { 'cleanup.policy': _policy, 'retention.ms': _retention, ...config } = topic.config
  await mendOwnTopics([{ name: topic.name, config }], admin, onNotice)
}
