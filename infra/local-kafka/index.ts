/** The public face of infra/local-kafka/. */
export { holderOf, ProcessLock } from './process-lock.ts'
export { kafkaProgressLine } from './progress-line.ts'
export { type ResolvedKafka, resolveKafka } from './resolve.ts'
export { standingKafkaDown, standingKafkaStatus, standingKafkaUp } from './standing-broker.ts'
