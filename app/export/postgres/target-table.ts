import { HOURLY_REVENUE_TOPIC } from '../../../processors/topics.ts'
import type { LogRecord, TopicPartition } from '../../../runtime/index.ts'
import type { Cell, ColumnType } from '../columns.ts'
import type { ExportTable } from '../tables.ts'
import { AUDIT_COLUMNS, AUDIT_INDEXES, AUDIT_TABLE, AUDIT_TOPICS, auditCells } from './audit.ts'
import { hashOf } from './hash.ts'
import { revenueChanges } from './revenue-changes.ts'

/** A column in Postgres. */
export interface TargetColumn {
  readonly name: string
  readonly type: ColumnType | 'bytes'
}

/** The effect of a record on a table. */
export type Change =
  | { readonly kind: 'put'; readonly cells: readonly Cell[] }
  | { readonly kind: 'delete'; readonly id: string }
  /** The record is no row. */
  | { readonly kind: 'none' }

/** A table in Postgres that follows topics. */
export interface TargetTable {
  readonly name: string
  readonly topics: readonly string[]
  readonly columns: readonly TargetColumn[]
  /** Names of the primary key's columns. */
  readonly key: readonly string[]
  /** The last row of a key counts, or the first one. */
  readonly onConflict: 'replace' | 'keep'
  /** Columns with an index each, and its kind. Ids may be longer than a tree holds. */
  readonly indexes: readonly (readonly [column: string, kind: 'btree' | 'hash'])[]
  /** SQL of what else belongs to the table, given the schema. All of it may be there already. */
  readonly extras?: (schema: string) => readonly string[]
  change(at: TopicPartition, record: LogRecord): Change
}

const NOTHING: Change = { kind: 'none' }

/** The table that follows a topic. A `table` has a row per key; a `stream` has one per record, by partition and offset. */
export function targetOf(table: ExportTable): TargetTable {
  const name = table.topic.replaceAll('.', '_')
  const common = { name, topics: [table.topic], onConflict: 'replace' as const, indexes: indexesOf(table) }
  if (table.kind === 'table') {
    return {
      ...common,
      ...(table.topic === HOURLY_REVENUE_TOPIC && { extras: revenueChanges }),
      columns: [{ name: 'record_id', type: 'bytes' }, { name: 'record_key', type: 'text' }, ...table.columns],
      key: ['record_id'],
      change(_at, record) {
        if (record.failure !== undefined) return NOTHING
        const id = hashOf(record.key ?? Buffer.alloc(0))
        if (record.value === null) return { kind: 'delete', id }
        const cells = table.read(record)
        return cells === null ? NOTHING : { kind: 'put', cells: [id, record.key?.toString('utf8') ?? null, ...cells] }
      },
    }
  }
  return {
    ...common,
    columns: [
      { name: 'record_partition', type: 'integer' },
      { name: 'record_offset', type: 'integer' },
      ...table.columns,
    ],
    key: ['record_partition', 'record_offset'],
    change({ partition }, record) {
      const cells = record.failure === undefined ? table.read(record) : null
      return cells === null ? NOTHING : { kind: 'put', cells: [partition, record.offset, ...cells] }
    },
  }
}

/** The audit trail: every valid event of a trip, once. */
export const auditTarget: TargetTable = {
  name: AUDIT_TABLE,
  topics: AUDIT_TOPICS,
  columns: AUDIT_COLUMNS,
  key: ['event_key'],
  onConflict: 'keep',
  indexes: AUDIT_INDEXES,
  change(at, record) {
    const cells = record.failure === undefined ? auditCells(at, record) : null
    return cells === null ? NOTHING : { kind: 'put', cells }
  },
}

function indexesOf({ columns, time }: ExportTable): TargetTable['indexes'] {
  const ids = columns.filter(({ name }) => ['trip_id', 'driver_id', 'passenger_id'].includes(name))
  const byId = ids.map(({ name }) => [name, 'hash'] as const)
  return time === null ? byId : [...byId, [time, 'btree']]
}
