/** `ride-streams/events`: the six events, typed and checked: send them, receive them. */
export type { ConsumableTopic, Consumed } from '../app/events/consumed.ts'
export type { Attempt, EventHandler, FailedAttempt } from '../app/events/consumer-settings.ts'
export { CloseTimeoutError, ConsumerStoppedError, EventConsumer } from '../app/events/event-consumer.ts'
export {
  BATCHED,
  EventProducer,
  type EventProducerOptions,
  type SendOptions,
  type SentEvent,
  type UncheckedRecord,
} from '../app/events/event-producer.ts'
export { EventReader, type Received } from '../app/events/event-reader.ts'
export {
  type OpenConsumerOptions,
  type OpenProducerOptions,
  openEventConsumer,
  openEventProducer,
  openEventReader,
} from '../app/events/open-events.ts'
export { type EventPattern, type ReadEventsOptions, readEvents } from '../app/events/read-events.ts'
export { readOutput } from '../app/events/read-output.ts'
export type { KafkaConnectionConfig, KafkaTls, SaslConfig } from '../infra/kafka/config/index.ts'
export type { AnyEvent } from '../processors/events/ride-event.ts'
export {
  EVENT_SCHEMAS,
  EVENT_TYPES,
  type EventData,
  type EventEnvelope,
  type EventType,
} from '../processors/events/schemas.ts'
export { OUTPUT_SCHEMAS, OUTPUT_TOPICS, type OutputTopic, type OutputValues } from '../processors/output-schemas.ts'
export type { TopicPartition } from '../runtime/index.ts'
export { MissingTopicError } from '../runtime/index.ts'
export { InvalidRecordError, StreamsError } from '../state/index.ts'
