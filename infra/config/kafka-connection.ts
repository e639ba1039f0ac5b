import type { KafkaConnectionConfig } from '../kafka/kafka-config.ts'
import { type Config, requireBrokers } from './config.ts'

/** How to reach the cluster. Throws StreamsConfigError when no brokers are given. */
export function kafkaConnection(config: Config): KafkaConnectionConfig {
  return {
    brokers: requireBrokers(config),
    clientId: config.applicationId,
    tls: config.tls,
    sasl: config.sasl ?? undefined,
    rack: config.clientRack ?? undefined,
  }
}
