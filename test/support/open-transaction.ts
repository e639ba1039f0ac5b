import { BufferPool } from '../../infra/kafka/buffer-pool.ts'
import { ClusterClient } from '../../infra/kafka/cluster-client.ts'
import { KafkaOutputBatch } from '../../infra/kafka/kafka-output-batch.ts'
import { initTransactionalSession } from '../../infra/kafka/producer-init.ts'
import { Transaction } from '../../infra/kafka/transaction.ts'
import type { CommittedOffset, GroupMetadata } from '../../runtime/ports/log.ts'
import { NO_HEADERS } from '../../state/ports/headers.ts'

export interface OpenTransaction {
  /** Ends it with a commit. */
  commit(): Promise<void>
}

/** Leaves what an instance leaves that dies between produce and EndTxn: written records and offsets in an open transaction. */
export async function leaveOpenTransaction(
  bootstrap: string,
  transactionalId: string,
  topic: string,
  values: readonly string[],
  offsets: readonly CommittedOffset[] = [],
  group: GroupMetadata | null = null,
  timeoutMs = 60_000,
): Promise<OpenTransaction> {
  const cluster = new ClusterClient({ brokers: [bootstrap], clientId: 'crashed' })
  const session = await initTransactionalSession(cluster, transactionalId, timeoutMs)
  const transaction = new Transaction(cluster, {
    session,
    transactionalId,
    transactionV2: false,
    deliveryTimeoutMs: 10_000,
    compression: 'none',
  })
  const batch = new KafkaOutputBatch({ maxBatchBytes: 1_000_000, topics: new Map() }, new BufferPool())
  for (const value of values) batch.append(topic, 0, null, value, Date.now(), NO_HEADERS)
  await transaction.begin(batch, group?.groupId ?? null)
  await transaction.write(batch, offsets, () => group)
  return {
    commit: async () => {
      await transaction.commit()
      await cluster.close()
    },
  }
}
