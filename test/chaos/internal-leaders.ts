import type { Admin, Kafka, PartitionMetadata } from 'kafkajs'
import { topicMetadata } from '../infra/local-kafka/topic-metadata.ts'

const OFFSETS = '__consumer_offsets'
const TRANSACTIONS = '__transaction_state'
const LOOK_MS = 100

/** The coordinators: leaders of the partitions of offsets and transactions, and how to move them. */
export class InternalLeaders {
  readonly #kafka: Kafka
  readonly #groupId: string
  readonly #brokers: readonly number[]

  /** @param brokers ids of all */
  constructor(kafka: Kafka, groupId: string, brokers: readonly number[]) {
    this.#kafka = kafka
    this.#groupId = groupId
    this.#brokers = brokers
  }

  /** Broker id. */
  groupCoordinator(): Promise<number> {
    return this.#withAdmin(async (admin) => {
      const [offsets] = await topicMetadata(admin, [OFFSETS])
      const partitions = offsets?.partitions ?? []
      const own = (hashOf(this.#groupId) & 0x7fffffff) % partitions.length
      const leader = partitions.find(({ partitionId }) => partitionId === own)?.leader
      if (leader === undefined) throw new Error(`nobody leads ${OFFSETS}-${own}`)
      return leader
    })
  }

  /** Takes every partition from the broker that leads it; resolves when others do. */
  moveAway(): Promise<void> {
    return this.#withAdmin(async (admin) => {
      const before = await leadersOf(admin)
      await this.#assign(admin, ({ leader, replicas }) => replicas.filter((id) => id !== leader))
      await until(async () => [...(await leadersOf(admin))].every(([key, leader]) => leader !== before.get(key)))
    })
  }

  /** Every broker has a copy of everything again. */
  makeWhole(): Promise<void> {
    return this.#withAdmin(async (admin) => {
      await this.#assign(admin, ({ leader }) => [leader, ...this.#brokers.filter((id) => id !== leader)])
      await until(async () =>
        (await topicMetadata(admin, [OFFSETS, TRANSACTIONS])).every(({ partitions }) =>
          partitions.every(({ isr }) => isr.length === this.#brokers.length),
        ),
      )
    })
  }

  async #assign(admin: Admin, replicasOf: (partition: PartitionMetadata) => number[]): Promise<void> {
    const topics = (await topicMetadata(admin, [OFFSETS, TRANSACTIONS])).map(({ name, partitions }) => ({
      topic: name,
      partitionAssignment: partitions.map((one) => ({ partition: one.partitionId, replicas: replicasOf(one) })),
    }))
    await admin.alterPartitionReassignments({ topics })
  }

  async #withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = this.#kafka.admin()
    await admin.connect()
    try {
      return await work(admin)
    } finally {
      await admin.disconnect()
    }
  }
}

/** `topic-partition` -> leader. */
async function leadersOf(admin: Admin): Promise<ReadonlyMap<string, number>> {
  const topics = await topicMetadata(admin, [OFFSETS, TRANSACTIONS])
  return new Map(
    topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionId, leader }) => [`${name}-${partitionId}`, leader] as const),
    ),
  )
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
}

/** Java's String.hashCode, by which Kafka chooses the coordinator of a group. */
function hashOf(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (hash * 31 + text.charCodeAt(i)) | 0
  return hash
}
