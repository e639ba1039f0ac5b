/** How to reach a cluster, as types: the package's declarations come here, and need nothing of the client library. */
export type { Compression } from '../compression.ts'
export type { KafkaConnectionConfig, KafkaTls, SaslConfig } from '../kafka-config.ts'
