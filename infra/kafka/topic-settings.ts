import { StreamsConfigError } from '../../state/ports/errors.ts'
import { call } from './call.ts'
import type { ClusterClient } from './cluster-client.ts'
import {
  ConfigResourceTypes,
  describeConfigsV4,
  IncrementalAlterConfigOperationTypes,
  incrementalAlterConfigsV1,
} from './protocol.ts'
import { ErrorCode, errorText, isHopeless, isLeaderMoved, KafkaResponseError } from './protocol-error.ts'
import { TryAgain, withRetries } from './retry.ts'

const LOOKUP_TIMEOUT_MS = 30_000
const MAX_MESSAGE_BYTES = 'max.message.bytes'
const INVALID_CONFIG = 40

export interface TopicSettingsQuery {
  readonly topics: readonly string[]
  /** Default: all settings. */
  readonly names?: readonly string[]
  /** Selects one of the cluster's connections. */
  readonly role?: string
  readonly timeoutMs?: number
}

/** Settings in force. The answer omits topics that do not exist, or whose settings we may not see. */
export async function topicSettings(
  cluster: ClusterClient,
  { topics, names, role = '', timeoutMs = LOOKUP_TIMEOUT_MS }: TopicSettingsQuery,
): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
  if (topics.length === 0) return new Map()
  const limits = { action: 'ask for settings of topics', timeoutMs, signal: cluster.closing }
  return withRetries(limits, async () => {
    const resources = topics.map((resourceName) => ({
      resourceType: ConfigResourceTypes.TOPIC,
      resourceName,
      configurationKeys: names === undefined ? null : [...names],
    }))
    const answer = await call(describeConfigsV4.api, await cluster.anyConnection(role), resources)
    const found = new Map<string, ReadonlyMap<string, string>>()
    for (const { resourceName, errorCode, configs } of answer.results) {
      if (errorCode !== ErrorCode.NONE) continue
      const settings = new Map<string, string>()
      for (const { name, value } of configs) if (typeof value === 'string') settings.set(name, value)
      found.set(resourceName, settings)
    }
    return found
  })
}

/** Topic -> most bytes of one record batch there, as far as known. */
export async function topicLimits(
  cluster: ClusterClient,
  topics: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const limits = new Map<string, number>()
  for (const [topic, settings] of await topicSettings(cluster, {
    topics,
    names: [MAX_MESSAGE_BYTES],
    role: 'produce',
  })) {
    const value = Number(settings.get(MAX_MESSAGE_BYTES))
    if (value > 0) limits.set(topic, value)
  }
  return limits
}

/** @throws StreamsConfigError when the brokers refuse the settings, or us */
export async function changeTopicSettings(
  cluster: ClusterClient,
  topic: string,
  settings: Readonly<Record<string, string>>,
  timeoutMs = LOOKUP_TIMEOUT_MS,
): Promise<void> {
  const action = `change settings of topic ${topic}`
  await withRetries({ action, timeoutMs, signal: cluster.closing }, async () => {
    const configOperation = IncrementalAlterConfigOperationTypes.SET
    const configs = Object.entries(settings).map(([name, value]) => ({ name, value, configOperation }))
    const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configs }
    const answer = await call(incrementalAlterConfigsV1.api, await cluster.anyConnection(), [resource], false)
    for (const { errorCode, errorMessage } of answer.responses) {
      if (errorCode === ErrorCode.NONE) continue
      if (isLeaderMoved(errorCode) || errorCode === ErrorCode.NOT_CONTROLLER) {
        throw new TryAgain(`${action}: ${errorText(errorCode)}`)
      }
      if (errorCode === INVALID_CONFIG || isHopeless(errorCode)) {
        throw new StreamsConfigError(`${action}: ${errorMessage ?? errorText(errorCode)}`)
      }
      throw new KafkaResponseError(action, errorCode, errorMessage)
    }
  })
}
