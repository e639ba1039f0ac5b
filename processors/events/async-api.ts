import { OUTPUT_SCHEMAS, OUTPUT_TOPICS } from '../output-schemas.ts'
import { RIDE_PROCESSORS } from '../ride-processors.ts'
import { partitionsOf, rideTopics, type TopicSpec } from '../ride-topics.ts'
import { EVENT_SCHEMAS, EVENT_TYPES, KEY_FIELD } from './schemas.ts'

/*
 * The topics as an AsyncAPI 3.0 document, and the values of each as a JSON Schema of its own, from the schemas that the application
 * validates with.
 */

const DIALECT = 'http://json-schema.org/draft-07/schema#'

const text = (description: string) => ({ type: 'string', description })
const OUTPUT_HEADERS = ['event-type', 'event-version', 'correlation-id'] as const

/** The headers of dead letters without their common prefix (KIP-1034). */
const ERROR_HEADERS: Readonly<Record<string, string>> = {
  reason: 'short name of the fault: label of dead_letters_total',
  exception: 'name of the error',
  message: 'its message, at most 500 bytes',
  topic: 'topic of the record',
  partition: 'partition of the record, in digits',
  offset: 'offset of the record, in digits',
  stacktrace: 'at most 1,500 bytes',
}

/** JSON Schema of the values of each topic of events and outputs, by topic. */
export const VALUE_SCHEMAS: ReadonlyMap<string, object> = new Map<string, object>([
  ...EVENT_TYPES.map((type) => [type, EVENT_SCHEMAS[type]] as const),
  ...OUTPUT_TOPICS.map((topic) => [topic, OUTPUT_SCHEMAS[topic]] as const),
])

/** The schema of a topic's values as a file of its own. */
export function schemaFile(topic: string): object {
  return { $schema: DIALECT, title: topic, description: meaningOf(topic), ...VALUE_SCHEMAS.get(topic) }
}

/** The settings that the document shows. */
export interface AsyncApiOptions {
  readonly applicationId: string
  /** OUTPUT_RETENTION_MS */
  readonly outputRetentionMs: number
}

/** The document of the application with that id, whose brokers the reader knows. */
export function asyncApiDocument(options: AsyncApiOptions): object {
  const topics = rideTopics(options)
  const nameOf = ({ name, role }: TopicSpec): string => (role === 'dead-letter' ? 'dead-letters' : name)
  const byName = <T>(entry: (topic: TopicSpec) => T): Readonly<Record<string, T>> =>
    Object.fromEntries(topics.map((topic) => [nameOf(topic), entry(topic)]))
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'ride-streams',
      version: '1.0.0',
      description:
        'Topics of the ride-hailing application: events that it reads, outputs and dead letters that it writes. What the schemas ' +
        'cannot say is in docs/events.md. Partition counts are those of `topics create`; the cluster has the last word.',
      license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
      tags: [{ name: 'events' }, { name: 'outputs' }, { name: 'dead letters' }],
    },
    defaultContentType: 'application/json',
    channels: byName((topic) => channelOf(topic, topics, nameOf(topic))),
    operations: Object.fromEntries(
      topics.map((topic) => {
        const action = topic.role === 'input' ? 'receive' : 'send'
        const channel = `#/channels/${nameOf(topic)}`
        const messages = [{ $ref: `${channel}/messages/record` }]
        return [`${action}-${nameOf(topic)}`, { action, channel: { $ref: channel }, messages }]
      }),
    ),
    components: { messages: byName(messageOf) },
  }
}

function channelOf(topic: TopicSpec, topics: readonly TopicSpec[], name: string): object {
  const { 'cleanup.policy': policy = 'delete', 'retention.ms': retention } = topic.config
  const tag = { input: 'events', output: 'outputs', 'dead-letter': 'dead letters' }[topic.role]
  return {
    address: topic.name,
    description: descriptionOf(topic),
    tags: [{ name: tag }],
    messages: { record: { $ref: `#/components/messages/${name}` } },
    bindings: {
      kafka: {
        topic: topic.name,
        partitions: partitionsOf(topic, topics, new Map()),
        topicConfiguration: {
          'cleanup.policy': [policy],
          ...(retention !== undefined && { 'retention.ms': Number(retention) }),
        },
        bindingVersion: '0.5.0',
      },
    },
  }
}

function messageOf(topic: TopicSpec): object {
  const { name, role } = topic
  const common = { name: role === 'dead-letter' ? 'dead-letter' : name, title: name, summary: descriptionOf(topic) }
  if (role === 'dead-letter') {
    return {
      ...common,
      contentType: 'application/octet-stream',
      headers: headersOf(
        Object.entries(ERROR_HEADERS).map(([header, meaning]) => [`__streams.errors.${header}`, text(meaning)]),
        Object.keys(ERROR_HEADERS).map((header) => `__streams.errors.${header}`),
      ),
      payload: { description: 'The bytes of the record, unchanged; its own headers are there, too' },
      bindings: keyBinding('key of the record, unchanged'),
    }
  }
  const own = [
    ['event-type', { type: 'string', const: name }],
    ['event-version', text(role === 'input' ? 'as in the value' : 'always 1.0')],
  ] as const
  return {
    ...common,
    headers:
      role === 'input'
        ? headersOf(own, [])
        : headersOf([...own, ['correlation-id', text('of the event behind it')]], OUTPUT_HEADERS.slice(0, 2)),
    ...(role === 'output' && { correlationId: { location: '$message.header#/correlation-id' } }),
    ...(role === 'input' && { correlationId: { location: '$message.payload#/correlationId' } }),
    payload: VALUE_SCHEMAS.get(name) ?? {},
    bindings: keyBinding(role === 'input' ? `data.${topic.key}` : topic.key),
  }
}

function headersOf(properties: ReadonlyArray<readonly [string, object]>, required: readonly string[]): object {
  return { type: 'object', properties: Object.fromEntries(properties), ...(required.length > 0 && { required }) }
}

function keyBinding(description: string): object {
  return { kafka: { key: text(description), bindingVersion: '0.5.0' } }
}

function descriptionOf({ name, role }: TopicSpec): string {
  return role === 'dead-letter'
    ? 'Records that could not be processed, with the reason in their headers'
    : meaningOf(name)
}

function meaningOf(topic: string): string {
  const output = RIDE_PROCESSORS.find((processor) => processor.output?.topic === topic)?.output
  if (output != null) return output.meaning
  const type = EVENT_TYPES.find((one) => one === topic)
  return type === undefined ? '' : `events ${type}, by ${KEY_FIELD[type]}`
}
