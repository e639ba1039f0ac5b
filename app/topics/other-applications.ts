import { rideTopics } from '../../processors/ride-topics.ts'
import { TRIP_STATE_STORE } from '../../processors/topics.ts'
import type { TopicNotice } from '../../runtime/index.ts'

/** The changelog that every ride application has: its name begins with the application id. */
const MARK = `-${TRIP_STATE_STORE}-changelog`

/**
 * Ids of other ride applications that run, or have run, on the cluster. The names of output topics have no application id: all of them
 * write to the same ones.
 */
export function otherApplications(topics: readonly string[], applicationId: string): readonly string[] {
  return topics
    .filter((topic) => topic.endsWith(MARK))
    .map((topic) => topic.slice(0, -MARK.length))
    .filter((id) => id !== applicationId)
}

/** Tells an operator of them; null: there are none. */
export function sharedOutputs(topics: readonly string[], applicationId: string): TopicNotice | null {
  const others = otherApplications(topics, applicationId)
  if (others.length === 0) return null
  const outputs = rideTopics({ applicationId, outputRetentionMs: -1 }).filter(({ role }) => role === 'output')
  return {
    type: 'shared',
    topics: outputs.map(({ name }) => name),
    detail: `applications on this cluster beside ${applicationId}: ${others.join(', ')}`,
  }
}
