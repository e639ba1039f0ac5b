import type { Client } from 'pg'
import type { LogAdmin } from '../../../runtime/index.ts'
import { MissingPackageError, StreamsConfigError } from '../../../state/index.ts'
import { OUTPUT_TABLES } from '../tables.ts'
import { auditTarget, type TargetTable, targetOf } from './target-table.ts'

const TARGETS: ReadonlyMap<string, TargetTable> = new Map([
  ...OUTPUT_TABLES.map((table) => [table.topic, targetOf(table)] as const),
  ['audit', auditTarget] as const,
])

/** The tables of these names; without names, those whose topics exist. Throws StreamsConfigError. */
export async function targetsOf(admin: LogAdmin, names: readonly string[]): Promise<readonly TargetTable[]> {
  if (names.length > 0) {
    return [...new Set(names)].map((name) => {
      const target = TARGETS.get(name)
      if (target === undefined) {
        throw new StreamsConfigError(`there is no output ${name}, expected ${[...TARGETS.keys()].join(', ')}`)
      }
      return target
    })
  }
  const found = await admin.describeTopics([...TARGETS.values()].flatMap(({ topics }) => topics))
  return [...TARGETS.values()].filter(({ topics }) => topics.every((topic) => found.has(topic)))
}

export interface OpenPostgres {
  readonly client: Client
  /** Rejects when the connection is lost. */
  readonly lost: Promise<never>
}

/** @param url default: the environment, as libpq reads it */
export async function openPostgres(url: string | undefined): Promise<OpenPostgres> {
  const { default: pg } = await import('pg').catch(() => {
    throw new MissingPackageError('exports to Postgres', ['pg'])
  })
  const client = new pg.Client(url === undefined ? {} : { connectionString: url })
  const lost = new Promise<never>((_resolve, reject) => client.on('error', reject))
  lost.catch(() => undefined) // whoever waits for it learns of it
  await client.connect()
  return { client, lost }
}
