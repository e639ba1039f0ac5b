import { ConfigResourceTypes, describeConfigsV4 } from '@platformatic/kafka'
import { call } from './call.ts'
import type { ClusterClient } from './cluster-client.ts'
import { ErrorCode } from './protocol-error.ts'
import { withRetries } from './retry.ts'

const SETTING = 'max.message.bytes'
const LOOKUP_TIMEOUT_MS = 30_000

/** Topic -> most bytes of one record batch there. A topic whose settings we may not see, or that does not exist, is not in it. */
export async function topicLimits(
  cluster: ClusterClient,
  topics: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  if (topics.length === 0) return new Map()
  const limits = { action: `ask for ${SETTING}`, timeoutMs: LOOKUP_TIMEOUT_MS, signal: cluster.closing }
  return withRetries(limits, async () => {
    const resources = topics.map((resourceName) => ({
      resourceType: ConfigResourceTypes.TOPIC,
      resourceName,
      configurationKeys: [SETTING],
    }))
    const answer = await call(describeConfigsV4.api, await cluster.anyConnection('produce'), resources)
    const found = new Map<string, number>()
    for (const { resourceName, errorCode, configs } of answer.results) {
      const value = Number(configs.find(({ name }) => name === SETTING)?.value ?? Number.NaN)
      if (errorCode === ErrorCode.NONE && value > 0) found.set(resourceName, value)
    }
    return found
  })
}
