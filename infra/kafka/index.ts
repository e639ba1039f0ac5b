/** The public face of infra/kafka/. */
export { connectKafka, type KafkaCluster } from './kafka.ts'
export type { KafkaAdmin, OpenTransaction } from './kafka-admin.ts'
