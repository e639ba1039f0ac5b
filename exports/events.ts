/** `ride-streams/events`: the six events, typed and checked: send them, receive them. */
export { EventConsumer, type Received } from '../infra/events/event-consumer.ts'
export {
  EventProducer,
  type EventProducerOptions,
  type SendOptions,
  type SentEvent,
  type UncheckedRecord,
} from '../infra/events/event-producer.ts'
export { type OpenProducerOptions, openEventConsumer, openEventProducer } from '../infra/events/open-events.ts'
export type { KafkaConnectionConfig, KafkaTls, SaslConfig } from '../infra/kafka/kafka-config.ts'
export type { AnyEvent } from '../processors/events/ride-event.ts'
export {
  EVENT_SCHEMAS,
  EVENT_TYPES,
  type EventData,
  type EventEnvelope,
  type EventType,
} from '../processors/events/schemas.ts'
export { MissingTopicError } from '../runtime/cluster-plan.ts'
export type { TopicPartition } from '../runtime/ports/log.ts'
export { InvalidRecordError, StreamsError } from '../state/ports/errors.ts'
