import { StreamsError } from '../../state/ports/errors.ts'
import { call } from './call.ts'
import type { ClusterClient } from './cluster-client.ts'
import { listTransactionsV0 } from './protocol.ts'
import { ErrorCode, errorText, isCoordinatorMoved, isTransportFailure, KafkaResponseError } from './protocol-error.ts'
import { TryAgain, withRetries } from './retry.ts'

/** How long this waits for a broker that loads its transactions, ms. A member's first assignment waits as long. */
export const LIST_TIMEOUT_MS = 2000

/** Filters of later versions of the request. */
const NO_DURATION = -1n
const ANY_ID = null

/**
 * Returns the transactional ids that are in a transaction, those of other applications too. Each broker knows the ones that it coordinates.
 * A broker that cannot be asked has none to name: its transactions time out.
 */
export async function transactionsInProgress(cluster: ClusterClient): Promise<readonly string[]> {
  await unlessRefused(() => withRetries({ action: 'find the brokers', ...limits(cluster) }, () => cluster.refresh([])))
  const listed = await Promise.all(
    cluster.nodeIds.map((nodeId) =>
      unlessRefused(() =>
        withRetries({ action: `list the transactions of broker ${nodeId}`, ...limits(cluster) }, () =>
          transactionsOf(cluster, nodeId),
        ),
      ),
    ),
  )
  return listed.flatMap((ids) => ids ?? []).sort()
}

function limits({ closing }: ClusterClient) {
  return { timeoutMs: LIST_TIMEOUT_MS, maxDelayMs: 200, signal: closing }
}

async function transactionsOf(cluster: ClusterClient, nodeId: number): Promise<readonly string[]> {
  try {
    const connection = await cluster.connections.get(cluster.broker(nodeId))
    const { errorCode, transactionStates } = await call(
      listTransactionsV0.api,
      connection,
      ['Ongoing'],
      [],
      NO_DURATION,
      ANY_ID,
    )
    if (isCoordinatorMoved(errorCode)) throw new TryAgain(`broker ${nodeId}: ${errorText(errorCode)}`)
    if (errorCode !== ErrorCode.NONE) throw new KafkaResponseError('list transactions', errorCode)
    return transactionStates.map(({ transactionalId }) => transactionalId)
  } catch (error) {
    // It is gone, so what it coordinated goes to others.
    if (isTransportFailure(error)) return []
    throw error
  }
}

/** Null: the brokers do not say. Whoever needs them more will tell why. */
async function unlessRefused<T>(question: () => Promise<T>): Promise<T | null> {
  try {
    return await question()
  } catch (error) {
    if (error instanceof StreamsError) return null
    throw error
  }
}
