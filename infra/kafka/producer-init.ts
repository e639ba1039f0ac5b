import { StreamsConfigError } from '../../state/ports/errors.ts'
import { call } from './call.ts'
import type { ClusterClient } from './cluster-client.ts'
import { ProducerSession } from './producer-session.ts'
import { apiVersionsV3, describeTransactionsV0, initProducerIdV4 } from './protocol.ts'
import { ErrorCode, errorText, isTransportFailure, KafkaFatalError, KafkaResponseError } from './protocol-error.ts'
import { TryAgain, withRetries } from './retry.ts'

const INVALID_TRANSACTION_TIMEOUT = 50
const TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53
const CLUSTER_AUTHORIZATION_FAILED = 31

/** Initial producer id and epoch: none. Any other value would make the broker compare them and perhaps fence us. */
const NO_PRODUCER_ID = -1n
const NO_PRODUCER_EPOCH = -1

/** Time limit of init, ms: an older transaction of the same id is aborted first. */
const INIT_TIMEOUT_MS = 60_000

/** A transactional session; fences older ones of the id and aborts their open transaction before it resolves. */
export async function initTransactionalSession(
  cluster: ClusterClient,
  transactionalId: string,
  transactionTimeoutMs: number,
): Promise<ProducerSession> {
  const action = `initialise the producer of ${transactionalId}`
  return withRetries(
    { action, timeoutMs: INIT_TIMEOUT_MS, minDelayMs: 3, maxDelayMs: 200, signal: cluster.closing },
    async () => {
      try {
        const connection = await cluster.coordinator('transaction', transactionalId)
        const answer = await call(
          initProducerIdV4.api,
          connection,
          transactionalId,
          transactionTimeoutMs,
          NO_PRODUCER_ID,
          NO_PRODUCER_EPOCH,
        )
        cluster.checkCoordinator('transaction', transactionalId, answer.errorCode)
        return sessionOf(action, answer, true)
      } catch (error) {
        if (isTransportFailure(error)) cluster.forgetCoordinator('transaction', transactionalId)
        throw error
      }
    },
  )
}

/** A session without transactions: each batch is written once, even if it is sent twice. */
export async function initIdempotentSession(cluster: ClusterClient): Promise<ProducerSession> {
  const action = 'initialise the producer'
  return withRetries({ action, timeoutMs: INIT_TIMEOUT_MS, signal: cluster.closing }, async () => {
    const connection = await cluster.anyConnection('produce')
    const answer = await call(initProducerIdV4.api, connection, null, 60_000, NO_PRODUCER_ID, NO_PRODUCER_EPOCH)
    return sessionOf(action, answer, false)
  })
}

function sessionOf(
  action: string,
  answer: { errorCode: number; producerId: bigint; producerEpoch: number },
  transactional: boolean,
): ProducerSession {
  switch (answer.errorCode) {
    case ErrorCode.NONE:
      return new ProducerSession(Number(answer.producerId), answer.producerEpoch, transactional)
    case ErrorCode.CONCURRENT_TRANSACTIONS:
    case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
    case ErrorCode.COORDINATOR_NOT_AVAILABLE:
    case ErrorCode.NOT_COORDINATOR:
    case ErrorCode.PRODUCER_FENCED: // another session initialised the same id at the same moment: the last one wins
    case ErrorCode.INVALID_PRODUCER_EPOCH:
      throw new TryAgain(`${action}: ${errorText(answer.errorCode)}`)
    case INVALID_TRANSACTION_TIMEOUT:
      throw new StreamsConfigError(`${action}: the transaction timeout is longer than the broker allows`)
    case TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case CLUSTER_AUTHORIZATION_FAILED:
      throw new KafkaFatalError(`${action}: ${errorText(answer.errorCode)}`)
    default:
      throw new KafkaResponseError(action, answer.errorCode)
  }
}

/** True when the cluster's finalised feature transaction.version is 2 or more. */
export async function supportsTransactionV2(cluster: ClusterClient): Promise<boolean> {
  return withRetries({ action: 'ask for features', timeoutMs: INIT_TIMEOUT_MS, signal: cluster.closing }, async () => {
    const answer = await call(apiVersionsV3.api, await cluster.anyConnection('produce'), 'ride-streams', '1')
    const feature = answer.finalizedFeatures?.find(({ name }) => name === 'transaction.version')
    return (feature?.maxVersionLevel ?? 0) >= 2
  })
}

/**
 * Why was `session` refused as fenced: did a newer session take the transactional id, or did the coordinator abort our
 * transaction because it was open for too long? Both give the same error codes and raise the epoch; but an id whose
 * last deed is an abort by timeout rests in an abort state one epoch ahead. Unknown counts as taken.
 */
export async function wasAbortedByTimeout(
  cluster: ClusterClient,
  transactionalId: string,
  session: ProducerSession,
): Promise<boolean> {
  const connection = await cluster.coordinator('transaction', transactionalId)
  const answer = await call(describeTransactionsV0.api, connection, [transactionalId])
  const state = answer.transactionStates[0]
  if (!state || state.errorCode !== ErrorCode.NONE) return false
  const aborted = ['CompleteAbort', 'PrepareAbort', 'PrepareEpochFence'].includes(state.transactionState)
  const sameProducer = Number(state.producerId) === session.producerId
  return aborted && sameProducer && state.producerEpoch - session.producerEpoch <= 1
}
