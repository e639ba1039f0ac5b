import type { TopicPartition } from '../../runtime/ports/log.ts'
import { partitionKey, partitionName } from '../../state/ports/topic-partition.ts'
import type { BrokerConnection } from './broker-connection.ts'
import type { ClusterClient } from './cluster-client.ts'
import {
  ErrorCode,
  errorText,
  isLeaderMoved,
  isTransportFailure,
  KafkaFatalError,
  KafkaResponseError,
} from './protocol-error.ts'
import { TryAgain, withRetries } from './retry.ts'

export interface PartitionOutcome extends TopicPartition {
  readonly errorCode: number
}

/** A broker that has just started may not know a new topic: only a topic unknown for longer does not exist. */
const UNKNOWN_TOPIC_MS = 5000

/**
 * Asks the leader of each partition, one request per leader, until every partition has an answer without error. Partitions that
 * do not exist are refused after a while, and moved leaders are found again.
 */
export async function askLeaders<P extends TopicPartition>(
  cluster: ClusterClient,
  action: string,
  timeoutMs: number,
  partitions: readonly P[],
  ask: (connection: BrokerConnection, partitions: readonly P[]) => Promise<readonly PartitionOutcome[]>,
): Promise<void> {
  const left = new Map(partitions.map((partition) => [partitionKey(partition), partition]))
  if (left.size === 0) return
  const names = partitions.map(({ topic }) => topic)
  let stale = names.some((name) => !cluster.topic(name))
  const knownBy = performance.now() + Math.min(timeoutMs / 2, UNKNOWN_TOPIC_MS)
  await withRetries({ action, timeoutMs, maxDelayMs: 500, signal: cluster.closing }, async () => {
    if (stale) await cluster.refresh(names)
    stale = true
    const outcomes = await Promise.allSettled(
      groupByLeader(cluster, action, left.values(), knownBy).map(async ([leader, part]) => {
        const answered = await ask(await cluster.connections.get(cluster.broker(leader), 'leader'), part)
        for (const { topic, partition, errorCode } of answered) {
          if (errorCode === ErrorCode.NONE) left.delete(partitionKey({ topic, partition }))
          else if (!isLeaderMoved(errorCode)) {
            throw new KafkaResponseError(`${action} of ${partitionName({ topic, partition })}`, errorCode)
          }
        }
      }),
    )
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected' && !isTransportFailure(outcome.reason)) throw outcome.reason
    }
    if (left.size > 0) throw new TryAgain(`${action}: no answer about ${[...left.keys()].join(', ')}`)
  })
}

function groupByLeader<P extends TopicPartition>(
  cluster: ClusterClient,
  action: string,
  partitions: Iterable<P>,
  knownBy: number,
): Array<[number, P[]]> {
  const leaders = new Map<number, P[]>()
  for (const partition of partitions) {
    const topic = cluster.topic(partition.topic)
    if (!topic || partition.partition >= topic.leaders.length) {
      const problem = `${action}: ${partitionName(partition)}: ${errorText(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)}`
      throw performance.now() > knownBy ? new KafkaFatalError(problem) : new TryAgain(problem)
    }
    const leader = cluster.leader(partition.topic, partition.partition)
    if (leader === undefined) continue
    const part = leaders.get(leader)
    if (part) part.push(partition)
    else leaders.set(leader, [partition])
  }
  return [...leaders]
}
