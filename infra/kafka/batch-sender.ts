import type { EndPositions } from '../../runtime/ports/log.ts'
import { ProductionError } from '../../state/ports/errors.ts'
import { partitionKey, partitionName } from '../../state/ports/topic-partition.ts'
import { call } from './call.ts'
import type { ClusterClient } from './cluster-client.ts'
import type { Compression } from './compression.ts'
import type { EncodedPartition } from './kafka-output-batch.ts'
import { type ProduceAnswerPartition, type ProducePartition, produceV11, produceV12 } from './produce-codec.ts'
import type { ProducerSession } from './producer-session.ts'
import {
  ErrorCode,
  errorText,
  isLeaderMoved,
  isTransportFailure,
  isUnwritable,
  KafkaResponseError,
} from './protocol-error.ts'
import { TryAgain, withRetries } from './retry.ts'

export interface SendOptions {
  readonly session: ProducerSession
  readonly transactionalId: string | null
  readonly transactionV2: boolean
  /** Time limit for the delivery of one batch, ms. */
  readonly deliveryTimeoutMs: number
  readonly compression: Compression
}

/** A partition's batches: each is sent when the one before is acknowledged. */
interface Delivery extends EncodedPartition {
  readonly batches: number
  next: number
  /** The next batch as first sent: a repetition must have the same bytes. */
  encoded: Buffer | null
}

/** Most bytes of one request; the broker's own limit (socket.request.max.bytes) is 100 MiB. */
const REQUEST_BYTES = 32 * 1024 * 1024

/**
 * Sends partitions of an output batch to their leaders, all leaders at the same time, and waits until everything
 * is acknowledged by all in-sync replicas. A broker takes one record batch per partition and request, so long
 * partitions take several rounds. What failed for a reason that passes is sent again with the same sequence
 * numbers, so nothing is written twice. Throws ProductionError, KafkaResponseError, or KafkaConnectionError when the time is over.
 */
export async function sendBatch(
  cluster: ClusterClient,
  partitions: readonly EncodedPartition[],
  options: SendOptions,
): Promise<EndPositions> {
  const ends = new Map<string, number>()
  let pending: Delivery[] = []
  for (const partition of partitions) {
    const batches = partition.encoder.finish()
    if (batches > 0) pending.push({ ...partition, batches, next: 0, encoded: null })
  }
  while (pending.length > 0) {
    await withRetries(
      {
        action: `produce to ${pending.map(partitionName).join(', ')}`,
        timeoutMs: options.deliveryTimeoutMs,
        minDelayMs: 5,
        maxDelayMs: 500,
        signal: cluster.closing,
      },
      () => sendRound(cluster, pending, options, ends),
    )
    pending = pending.filter((delivery) => delivery.next < delivery.batches)
  }
  return ends
}

/** Sends the next batch of every waiting delivery; throws TryAgain when some have to be sent again. */
async function sendRound(
  cluster: ClusterClient,
  deliveries: readonly Delivery[],
  options: SendOptions,
  ends: Map<string, number>,
): Promise<void> {
  const waiting = deliveries.filter((delivery) => delivery.next < delivery.batches)
  if (waiting.some(({ topic, partition }) => cluster.leader(topic, partition) === undefined)) {
    await cluster.refresh(waiting.map(({ topic }) => topic))
  }
  const requests = groupByLeader(cluster, waiting)
  const outcomes = await Promise.allSettled(
    requests.map(({ leader, deliveries: some }) => sendTo(cluster, leader, some, options, ends)),
  )
  let again: unknown = null
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') continue
    if (!(outcome.reason instanceof TryAgain || isTransportFailure(outcome.reason))) throw outcome.reason
    again = outcome.reason
  }
  if (again !== null) {
    await cluster.refresh(waiting.map(({ topic }) => topic))
    throw again
  }
  if (requests.length === 0) throw new TryAgain(`there is no leader for ${waiting.map(partitionName).join(', ')}`)
}

function groupByLeader(cluster: ClusterClient, waiting: readonly Delivery[]) {
  const requests = new Map<number, { leader: number; deliveries: Delivery[]; bytes: number }>()
  for (const delivery of waiting) {
    const leader = cluster.leader(delivery.topic, delivery.partition)
    if (leader === undefined) continue
    const request = requests.get(leader) ?? { leader, deliveries: [], bytes: 0 }
    requests.set(leader, request)
    if (request.bytes > REQUEST_BYTES) continue // sent in the next round
    request.deliveries.push(delivery)
    request.bytes += delivery.encoder.bytesOf(delivery.next)
  }
  return [...requests.values()]
}

async function sendTo(
  cluster: ClusterClient,
  leader: number,
  deliveries: readonly Delivery[],
  options: SendOptions,
  ends: Map<string, number>,
): Promise<void> {
  const topics = new Map<string, { name: string; partitions: ProducePartition[] }>()
  for (const delivery of deliveries) {
    const { topic, partition, encoder, next } = delivery
    const sequence = options.session.nextSequence(topic, partition)
    delivery.encoded ??= encoder.encode(next, options.session, sequence, options.compression)
    const entry = topics.get(topic) ?? { name: topic, partitions: [] }
    topics.set(topic, entry)
    entry.partitions.push({ partition, batch: delivery.encoded })
  }
  const connection = await cluster.connections.get(cluster.broker(leader), 'produce')
  const answers = await call(options.transactionV2 ? produceV12 : produceV11, connection, {
    transactionalId: options.transactionalId,
    timeoutMs: 30_000,
    topics: [...topics.values()],
  })
  let again: TryAgain | null = null
  for (const answer of answers) {
    const delivery = deliveries.find((d) => d.topic === answer.topic && d.partition === answer.partition)
    if (delivery) again = judge(delivery, answer, options.session, ends) ?? again
  }
  if (again) throw again
}

function judge(
  delivery: Delivery,
  answer: ProduceAnswerPartition,
  session: ProducerSession,
  ends: Map<string, number>,
): TryAgain | null {
  const { topic, partition, encoder, next } = delivery
  const action = `produce to ${partitionName({ topic, partition })}`
  if (answer.errorCode !== ErrorCode.NONE) {
    if (isLeaderMoved(answer.errorCode) || answer.errorCode === ErrorCode.CONCURRENT_TRANSACTIONS) {
      return new TryAgain(`${action}: ${errorText(answer.errorCode)}`)
    }
    const refusal = new KafkaResponseError(action, answer.errorCode, answer.errorMessage)
    throw isUnwritable(answer.errorCode) ? new ProductionError(topic, refusal.message, { cause: refusal }) : refusal
  }
  const count = encoder.recordsOf(next)
  session.acknowledged(topic, partition, count)
  ends.set(partitionKey({ topic, partition }), answer.baseOffset + count)
  delivery.next++
  delivery.encoded = null
  return null
}
