import { cellDemandOf, windowStartOf } from '../../processors/cell-demand/cell-demand.ts'
import { driverCellSerde, driverView } from '../../processors/driver-cells/driver-cells.ts'
import { driverEarningsOf } from '../../processors/driver-earnings/driver-earnings.ts'
import { EVENT_SCHEMAS, EVENT_TYPES, type EventType } from '../../processors/events/schemas.ts'
import { hourlyRevenueOf, hourTotalSerde } from '../../processors/hourly-revenue/hourly-revenue.ts'
import { OUTPUT_SCHEMAS } from '../../processors/output-schemas.ts'
import { RIDE_PROCESSORS } from '../../processors/ride-processors.ts'
import { formatInstant } from '../../processors/time/format-instant.ts'
import {
  CELL_DEMAND_STORE,
  CELL_DEMAND_TOPIC,
  DRIVER_CELL_CHANGED_TOPIC,
  DRIVER_CELLS_STORE,
  DRIVER_EARNINGS_STORE,
  DRIVER_EARNINGS_TOPIC,
  HOURLY_REVENUE_STORE,
  HOURLY_REVENUE_TOPIC,
  TRIP_FUNNEL_STORE,
  TRIP_FUNNEL_TOPIC,
  TRIP_OFFERS_TOPIC,
  TRIP_STATE_STORE,
  TRIP_STATE_TOPIC,
} from '../../processors/topics.ts'
import { funnelSerde, tripFunnelOf } from '../../processors/trip-funnel/trip-funnel.ts'
import { tripSerde } from '../../processors/trip-state/trip-serde.ts'
import { tripStateOf } from '../../processors/trip-state/trip-view.ts'
import type { LogRecord } from '../../runtime/index.ts'
import { fromBinary, fromPartKey, KEPT_NUMBERS_KEY } from '../../state/index.ts'
import { readEvent } from '../topics/read-event.ts'
import { type Cell, type Column, cellsOf, type Field, fieldsOfSchema, fits, parseWithMoney } from './columns.ts'

/** A topic as a table: one record is one row, or replaces the row of its key. */
export interface ExportTable {
  /** The name by which it is asked for: that of the topic, or of the store. */
  readonly name: string
  readonly topic: string
  /** `table`: the last record of a key counts, and one without a value deletes the row. `stream`: every record is a row. */
  readonly kind: 'table' | 'stream'
  readonly columns: readonly Column[]
  /** Name of the column with the event time by which `--from` and `--to` choose; null: the record's timestamp. */
  readonly time: string | null
  /** A record that holds something else beside the rows, as the numbers that a store keeps. */
  readonly isBeside?: (record: LogRecord) => boolean
  /** The cells of a record with a value, in the order of the columns; null for a record that is no row, like a dead letter. */
  read(record: LogRecord): readonly Cell[] | null
}

const TIMES: Readonly<Record<string, string>> = {
  [TRIP_STATE_TOPIC]: 'updated_at',
  [DRIVER_CELL_CHANGED_TOPIC]: 'at',
  [HOURLY_REVENUE_TOPIC]: 'hour',
  [TRIP_OFFERS_TOPIC]: 'requested_at',
  [CELL_DEMAND_TOPIC]: 'window_start',
  [TRIP_FUNNEL_TOPIC]: 'hour',
  [DRIVER_EARNINGS_TOPIC]: 'day',
}

/** Fields of the envelope that say nothing beyond the topic. */
const OMITTED = ['event_type', 'event_version']
const INSTANTS = ['timestamp', 'completed_at']

/** The output topics, in the order of the processors. */
export const OUTPUT_TABLES: readonly ExportTable[] = RIDE_PROCESSORS.flatMap(({ output }) => {
  if (output === null) return []
  const schema = (OUTPUT_SCHEMAS as Readonly<Record<string, object>>)[output.topic]
  if (schema === undefined) throw new RangeError(`${output.topic} has no schema`)
  const kind = output.kept === 'last-rows' ? 'table' : 'stream'
  return [jsonTable({ name: output.topic, topic: output.topic, kind, schema, view: textOf })]
})

/** The topics of events. */
export const EVENT_TABLES: readonly ExportTable[] = EVENT_TYPES.map(eventTable)

/** Decodes a row of a store into the text of the value that shows it. */
type RowView = (key: string, bytes: Buffer) => string

const driverSchema = {
  properties: Object.fromEntries(
    Object.entries(OUTPUT_SCHEMAS[DRIVER_CELL_CHANGED_TOPIC].properties).filter(([name]) => name !== 'previousCell'),
  ),
}

/** Stores, by name: the topic whose values have the same shape, and how a row becomes such a value. */
const STORES: Readonly<Record<string, { readonly like: string; readonly schema: object; readonly view: RowView }>> = {
  [TRIP_STATE_STORE]: {
    like: TRIP_STATE_TOPIC,
    schema: OUTPUT_SCHEMAS[TRIP_STATE_TOPIC],
    view: (key, bytes) => JSON.stringify(tripStateOf(key, tripSerde.deserialize('', bytes))),
  },
  [DRIVER_CELLS_STORE]: {
    like: DRIVER_CELL_CHANGED_TOPIC,
    schema: driverSchema,
    view: (key, bytes) => JSON.stringify(driverView(key, driverCellSerde.deserialize('', bytes))),
  },
  [HOURLY_REVENUE_STORE]: {
    like: HOURLY_REVENUE_TOPIC,
    schema: OUTPUT_SCHEMAS[HOURLY_REVENUE_TOPIC],
    view: (key, bytes) => JSON.stringify(hourlyRevenueOf(key, hourTotalSerde.deserialize('', bytes))),
  },
  [CELL_DEMAND_STORE]: {
    like: CELL_DEMAND_TOPIC,
    schema: OUTPUT_SCHEMAS[CELL_DEMAND_TOPIC],
    view: openWindow,
  },
  [TRIP_FUNNEL_STORE]: {
    like: TRIP_FUNNEL_TOPIC,
    schema: OUTPUT_SCHEMAS[TRIP_FUNNEL_TOPIC],
    view: (key, bytes) => JSON.stringify(tripFunnelOf(key, funnelSerde.deserialize('', bytes))),
  },
  [DRIVER_EARNINGS_STORE]: {
    like: DRIVER_EARNINGS_TOPIC,
    schema: OUTPUT_SCHEMAS[DRIVER_EARNINGS_TOPIC],
    view: (key, bytes) => JSON.stringify(driverEarningsOf(key, hourTotalSerde.deserialize('', bytes))),
  },
}

const isBeside = ({ key }: LogRecord): boolean => key?.equals(KEPT_NUMBERS_KEY) === true

/** The table of a store with that changelog. A store of another shape has the columns `key` and `value`. */
export function storeTable(name: string, changelog: string): ExportTable {
  const known = STORES[name]
  if (known === undefined) return { ...rawTable(name, changelog, 'table'), isBeside }
  const { like, schema, view } = known
  return { ...jsonTable({ name, topic: changelog, kind: 'table', schema, view }), time: TIMES[like] ?? null, isBeside }
}

/** The table of a store that keeps its values in parts: a row for each part, named as the store names it. */
export function partsTable(name: string, changelog: string): ExportTable {
  const columns: readonly Column[] = ['key', 'part', 'value'].map((column) => ({ name: column, type: 'text' }))
  return {
    ...{ name, topic: changelog, kind: 'table', columns, time: null, isBeside },
    read({ key, value }) {
      const { key: of, name: part } = fromPartKey(key === null ? '' : key.toString('latin1'))
      return [textOfBinary(of), textOfBinary(part), value?.toString('utf8') ?? null]
    },
  }
}

const textOfBinary = (binary: string): string => fromBinary(binary).toString('utf8')

/** A topic whose values we do not know: its columns are `key` and `value`, as text. */
export function rawTable(name: string, topic: string, kind: ExportTable['kind']): ExportTable {
  const columns: readonly Column[] = [
    { name: 'key', type: 'text' },
    { name: 'value', type: 'text' },
  ]
  return {
    ...{ name, topic, kind, columns, time: null },
    read: ({ key, value }) => [key?.toString('utf8') ?? null, value?.toString('utf8') ?? null],
  }
}

interface JsonTable extends Pick<ExportTable, 'name' | 'topic' | 'kind'> {
  readonly schema: object
  readonly view: RowView
}

function jsonTable({ name, topic, kind, schema, view }: JsonTable): ExportTable {
  const fields = fieldsOfSchema(schema)
  return {
    ...{ name, topic, kind, time: TIMES[topic] ?? null },
    columns: columnsOf(fields),
    read({ key, value }) {
      try {
        if (value === null) return null
        const cells = cellsOf(fields, parseWithMoney(view(key?.toString('utf8') ?? '', value)))
        return fields.every(({ type }, i) => fits(type, cells[i] ?? null)) ? cells : null
      } catch (error) {
        // Whatever else another program may have written there.
        if (error instanceof SyntaxError || error instanceof TypeError) return null
        throw error
      }
    },
  }
}

function textOf(_key: string, bytes: Buffer): string {
  return bytes.toString('utf8')
}

/** The row of a window that is still open: `requests` and `completions` so far. */
function openWindow(_key: string, bytes: Buffer): string {
  const { cell, start, requests, completions } = JSON.parse(bytes.toString('utf8')) as {
    readonly cell: string
    readonly start: number
    readonly requests: number
    readonly completions: number
  }
  return JSON.stringify(cellDemandOf(cell, windowStartOf(start), { requests, completions }))
}

function eventTable(type: EventType): ExportTable {
  const fields = fieldsOfSchema(EVENT_SCHEMAS[type])
    .map((field): Field => {
      const name = field.name.replace(/^(?:data|metadata)_/, '')
      return { ...field, name, type: INSTANTS.includes(name) ? 'instant' : field.type }
    })
    .filter(({ name }) => !OMITTED.includes(name))
  return {
    ...{ name: type, topic: type, kind: 'stream', time: 'timestamp', columns: columnsOf(fields) },
    read(record) {
      const event = readEvent(type, record)
      if (event === null || record.value === null) return null
      const envelope = parseWithMoney(record.value.toString('utf8')) as { timestamp: string; data: object }
      const { completedAt } = event
      return cellsOf(fields, {
        ...envelope,
        timestamp: exactInstant(event),
        data: completedAt === null ? envelope.data : { ...envelope.data, completedAt: formatInstant(completedAt) },
      })
    },
  }
}

/** UTC, with all digits of the event. */
export function exactInstant({ at, sub }: { readonly at: number; readonly sub: string }): string {
  return sub === '' ? formatInstant(at) : formatInstant(at).replace('Z', `${sub}Z`)
}

function columnsOf(fields: readonly Field[]): readonly Column[] {
  return fields.map(({ name, type }) => ({ name, type }))
}
