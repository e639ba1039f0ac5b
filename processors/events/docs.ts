import { MOST_BYTES, MOST_NESTING } from './event-text.ts'
import { MOST_KEPT_TEXT } from './kept-text.ts'
import { outputsMarkdown } from './output-docs.ts'
import { EVENT_SCHEMAS, EVENT_TYPES, type EventType, KEY_FIELD, MOST_ID } from './schemas.ts'

/** The part of JSON Schema that this project uses. */
interface Schema {
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly description?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
}

interface Row {
  readonly field: string
  readonly type: string
  readonly required: boolean
  readonly meaning: string
}

/** docs/events.md: inputs derived from the schemas, so that they cannot be wrong; then the outputs. */
export function eventsMarkdown(): string {
  const envelope = rows(EVENT_SCHEMAS['trip.requested'] as Schema, '').filter((row) => !row.field.startsWith('data.'))
  return [
    '# Events',
    '',
    'This page is for people who send or read events. It says what a valid event is, and what each output holds.',
    '',
    '<!-- Generated from processors/events/schemas.ts and processors/*/docs.ts: npx node processors/events/write-docs.ts',
    'writes it again. A test checks that it is current. -->',
    '',
    'For programs, [asyncapi.json](asyncapi.json) describes the same topics (AsyncAPI 3.0: inputs, outputs, dead letters);',
    'a running instance serves it at `/asyncapi.json`. [schemas/](schemas) has a JSON Schema of the value of each topic. In',
    'Node, [ride-streams/events](package.md#consume) sends and consumes all of them with their types.',
    '',
    'Each record holds one JSON object in UTF-8. Its topic has the name of the event, and its key is the id of the trip or',
    'driver. Fields that are not listed are accepted and ignored. An optional field is absent or has its type; null is',
    'neither. A record that breaks a rule becomes a dead letter. [Versions](event-versions.md) says how events change, and',
    '[topics](topics.md) how long they are kept.',
    '',
    "Only its bytes decide whether a record is valid. The record's timestamp does not matter: when it is unset (-1), the",
    "event's own timestamp counts. These limits hold:",
    '',
    `- A value has at most ${MOST_BYTES} bytes and nests at most ${MOST_NESTING} levels deep, unknown fields included.`,
    `- The id that is the record key has 1 to ${MOST_ID} characters (UTF-16 code units). All kept texts together have`,
    `  at most ${MOST_KEPT_TEXT} characters.`,
    '- Ids (and `correlationId`) are Unicode text. An escape that makes half of a surrogate pair has no bytes, so it cannot',
    '  be part of a key.',
    '- Instants are in the years 0000 to 9999, as written and after the offset is applied. Leap seconds are refused.',
    '- A fare has at most two decimals. Sums of doubles (39.699999999999996) are refused: round to cents before sending.',
    '',
    '## Partitions',
    '',
    "Kafka's default partitioner (murmur2) must choose the partition of a record by its key. Java's producer, kafkajs 2 and",
    "this program's `EventProducer` use it. Other clients have other defaults: librdkafka (C, C++, Python, Go, .NET) has",
    'crc32 (set `partitioner=murmur2_random`), sarama has fnv1a. With those, events of one trip go to different tasks, so',
    'its state is wrong, and queries look in the wrong partition (404).',
    '',
    'The application checks some records of each fetch. The log names topic and likely partitioner once.',
    '`misplaced_keys_total{topic}` counts the misplaced records of this check, and `verify` counts all of them. To fix it,',
    'change the partitioner of the producer. Then write its earlier records again to a new topic with the right',
    'partitioner, or wait until retention removes them, and start under a new `APPLICATION_ID`.',
    '',
    '## Envelope',
    '',
    ...table(envelope.map((row) => (row.field === 'eventType' ? { ...row, type: 'string' } : row))),
    ...EVENT_TYPES.flatMap(section),
    ...outputsMarkdown(padded),
    '',
  ].join('\n')
}

function section(type: EventType): string[] {
  const data = (EVENT_SCHEMAS[type] as Schema).properties?.data ?? {}
  return ['', `## ${type}`, '', `Key: \`data.${KEY_FIELD[type]}\`.`, '', ...table(rows(data, 'data.'))]
}

function table(all: readonly Row[]): string[] {
  return padded([
    ['field', 'type', 'required', 'meaning'],
    ...all.map((row) => [`\`${row.field}\``, row.type, row.required ? 'yes' : 'no', row.meaning]),
  ])
}

/** A table with its head first; columns are padded to equal width, as the formatter does. */
function padded(cells: readonly (readonly string[])[]): string[] {
  const widths = (cells[0] ?? []).map((_, i) => Math.max(...cells.map((line) => line[i]?.length ?? 0)))
  const text = (line: readonly string[], fill: string) =>
    `| ${line.map((cell, i) => cell.padEnd(widths[i] ?? 0, fill)).join(' | ')} |`
  const [head = [], ...body] = cells
  const rule = head.map(() => '')
  return [text(head, ' '), text(rule, '-'), ...body.map((line) => text(line, ' '))]
}

function rows(schema: Schema, prefix: string): Row[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => [
    {
      field: prefix + name,
      type: typeText(field),
      required: schema.required?.includes(name) ?? false,
      meaning: field.description ?? '',
    },
    ...rows(field, `${prefix}${name}.`),
  ])
}

function typeText({ type, enum: values, minimum, maximum }: Schema): string {
  if (values !== undefined) return values.map((value) => `\`${String(value)}\``).join(', ')
  const base = type ?? 'any'
  if (minimum !== undefined && maximum !== undefined) return `${base}, ${minimum} to ${maximum}`
  return minimum === undefined ? base : `${base}, at least ${minimum}`
}
