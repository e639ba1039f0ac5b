import { StreamsConfigError } from '../../state/ports/errors.ts'
import type { TopicNotice } from '../ports/instance-events.ts'
import type { LogAdmin, NewTopic } from '../ports/log.ts'

/*
 * Keeps the settings that the application's own topics must have, no matter who created them and when.
 * 1. Only settings that decide about losing or refusing records are looked at; what else an operator has set stays.
 * 2. A limit is raised and never lowered.
 * 3. Brokers that refuse, or do not let us look, do not prevent the start: it is only reported.
 */

export type TopicNoticeListener = (notice: TopicNotice) => void

type SettingsAdmin = Pick<LogAdmin, 'createTopics' | 'topicSettings' | 'changeTopicSettings'>
type Settings = ReadonlyMap<string, string>

/** Limits beyond which brokers refuse a record. */
const LIMITS: readonly string[] = [
  'message.timestamp.before.max.ms',
  'message.timestamp.after.max.ms',
  'max.message.bytes',
]
const TIME_LIMITS = LIMITS.slice(0, 2)
/** A setting of brokers before 4.0. It applies while one of the others has its default, which is no limit. */
const OLD_TIME_LIMIT = 'message.timestamp.difference.max.ms'
const DEFAULT_TIME_LIMIT = '9223372036854775807'
const UNLIMITED = Number(DEFAULT_TIME_LIMIT)
const EXACT: readonly string[] = ['cleanup.policy', 'message.timestamp.type']
/** Applies where the policy deletes. */
const RETENTION: readonly string[] = ['retention.ms', 'retention.bytes']

/** Creates topics. Where the brokers refuse to raise limits, they keep the brokers' limits. */
export async function createOwnTopics(
  topics: readonly NewTopic[],
  admin: Pick<SettingsAdmin, 'createTopics'>,
  onNotice: TopicNoticeListener,
): Promise<void> {
  if (topics.length === 0) return
  try {
    await admin.createTopics(topics)
  } catch (error) {
    if (!(error instanceof StreamsConfigError)) throw error
    const within = topics.map((topic) => ({ ...topic, config: withoutLimits(topic.config) }))
    await admin.createTopics(within)
    onNotice({ type: 'refused', topics: topics.map(({ name }) => name), detail: error.message })
  }
}

/** Gives existing topics the settings they need. */
export async function mendOwnTopics(
  topics: readonly Pick<NewTopic, 'name' | 'config'>[],
  admin: Pick<SettingsAdmin, 'topicSettings' | 'changeTopicSettings'>,
  onNotice: TopicNoticeListener,
): Promise<void> {
  if (topics.length === 0) return
  const inForce = await admin.topicSettings(topics.map(({ name }) => name))
  for (const { name, config } of topics) {
    const found = inForce.get(name)
    const changes = found === undefined ? {} : wrongSettings(config, found)
    if (Object.keys(changes).length === 0) continue
    const detail = Object.entries(changes)
      .map(([setting, value]) => `${setting} ${found?.get(setting) ?? 'unset'} -> ${value}`)
      .join(', ')
    try {
      await admin.changeTopicSettings(name, changes)
      onNotice({ type: 'changed', topics: [name], detail })
    } catch (error) {
      if (!(error instanceof StreamsConfigError)) throw error
      onNotice({ type: 'refused', topics: [name], detail: `${detail}: ${error.message}` })
    }
  }
}

/** Reports topics of others that refuse times which the input may have. */
export async function noticeLimitedOutputs(
  topics: readonly string[],
  admin: Pick<SettingsAdmin, 'topicSettings'>,
  onNotice: TopicNoticeListener,
): Promise<void> {
  if (topics.length === 0) return
  const limited: string[] = []
  for (const [name, settings] of await admin.topicSettings(topics)) {
    if (settings.get('message.timestamp.type') === 'LogAppendTime') continue
    if (TIME_LIMITS.some((limit) => limitInForce(settings, limit) < UNLIMITED)) limited.push(name)
  }
  if (limited.length === 0) return
  onNotice({ type: 'limited', topics: limited, detail: TIME_LIMITS.join(', ') })
}

function wrongSettings(wanted: NewTopic['config'], found: Settings): Record<string, string> {
  const changes: Record<string, string> = {}
  for (const name of EXACT) {
    const value = wanted[name]
    if (value !== undefined && inOrder(found.get(name)) !== inOrder(value)) changes[name] = value
  }
  for (const name of LIMITS) {
    const value = wanted[name]
    if (value !== undefined && limitInForce(found, name) < Number(value)) changes[name] = value
  }
  if (wanted['cleanup.policy']?.includes('delete') !== true) return changes
  for (const name of RETENTION) {
    const value = wanted[name]
    if (value === '-1' && found.get(name) !== '-1') changes[name] = value
  }
  return changes
}

/** Infinity where it is unknown: a topic that does not name a limit has none. */
function limitInForce(found: Settings, name: string): number {
  const own = found.get(name)
  const isDefault = own === DEFAULT_TIME_LIMIT && TIME_LIMITS.includes(name)
  return Number((isDefault ? found.get(OLD_TIME_LIMIT) : own) ?? Number.POSITIVE_INFINITY)
}

function withoutLimits(config: NewTopic['config']): NewTopic['config'] {
  return Object.fromEntries(Object.entries(config).filter(([name]) => !LIMITS.includes(name)))
}

/** `compact,delete` and `delete,compact` are one policy. */
function inOrder(policy: string | undefined): string {
  return (policy ?? '').split(',').sort().join(',')
}
