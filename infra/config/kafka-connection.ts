import type { KafkaConnectionConfig, SaslConfig } from '../kafka/kafka-config.ts'
import { type Config, requireBrokers } from './config.ts'

/** How to reach the cluster, from the environment. Throws StreamsConfigError when KAFKA_BROKERS is not set. */
export function kafkaConnection(config: Config): KafkaConnectionConfig {
  return {
    brokers: requireBrokers(config),
    clientId: config.applicationId,
    tls: config.kafkaTlsCa === null ? config.kafkaTls : { ca: config.kafkaTlsCa },
    sasl: saslConfig(config),
  }
}

function saslConfig(config: Config): SaslConfig | undefined {
  const {
    kafkaSaslMechanism: mechanism,
    kafkaSaslUsername: username,
    kafkaSaslPassword: password,
    kafkaSaslTokenProvider: tokenProvider,
  } = config
  if (mechanism === 'OAUTHBEARER') return tokenProvider === null ? undefined : { mechanism, tokenProvider }
  return mechanism !== null && username !== null && password !== null ? { mechanism, username, password } : undefined
}
