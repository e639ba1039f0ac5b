import type { Config } from '../infra/config/config.ts'
import { kafkaConnection } from '../infra/config/kafka-connection.ts'
import { KafkaAdmin } from '../infra/kafka/kafka-admin.ts'
import { KafkaReader } from '../infra/kafka/kafka-reader.ts'
import type { LogAdmin, LogReader } from '../runtime/ports/log.ts'

/** Runs `work` with an admin client of the configured cluster, closed afterwards. */
export async function withAdmin<T>(config: Config, work: (admin: LogAdmin) => Promise<T>): Promise<T> {
  const admin = new KafkaAdmin(kafkaConnection(config), { replicationFactor: config.replicationFactor })
  return work(admin).finally(() => admin.close())
}

/** The same with a reader of committed records. */
export async function withReader<T>(config: Config, work: (reader: LogReader) => Promise<T>): Promise<T> {
  const reader = new KafkaReader(kafkaConnection(config))
  return work(reader).finally(() => reader.close())
}
