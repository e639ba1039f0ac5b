/** The public face of infra/kafka/. */
export type { Compression } from './compression.ts'
export { connectKafka } from './kafka.ts'
export type { KafkaAdmin, OpenTransaction } from './kafka-admin.ts'
export type { KafkaConnectionConfig, KafkaTls, SaslConfig } from './kafka-config.ts'
