import type { KafkaConnectionConfig } from '../kafka/kafka-config.ts'
import { type Config, requireBrokers } from './config.ts'

/** How to reach the cluster, from the environment. Throws StreamsConfigError when KAFKA_BROKERS is not set. */
export function kafkaConnection(config: Config): KafkaConnectionConfig {
  const { kafkaSaslMechanism: mechanism, kafkaSaslUsername: username, kafkaSaslPassword: password } = config
  return {
    brokers: requireBrokers(config),
    clientId: config.applicationId,
    tls: config.kafkaTlsCa === null ? config.kafkaTls : { ca: config.kafkaTlsCa },
    sasl: mechanism !== null && username !== null && password !== null ? { mechanism, username, password } : undefined,
  }
}
