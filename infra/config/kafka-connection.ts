import type { KafkaConnectionConfig } from '../kafka/kafka-config.ts'
import { type Config, requireBrokers } from './config.ts'
import type { NameOf } from './given-values.ts'

/** How to reach the cluster. Throws StreamsConfigError when no brokers are given. */
export function kafkaConnection(config: Config, nameOf?: NameOf): KafkaConnectionConfig {
  return {
    brokers: requireBrokers(config, nameOf),
    clientId: config.applicationId,
    tls: config.tls,
    sasl: config.sasl ?? undefined,
    rack: config.clientRack ?? undefined,
  }
}
