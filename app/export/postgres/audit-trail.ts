import type { Pool } from 'pg'
import { MissingPackageError } from '../../../state/index.ts'
import { type AuditPage, type AuditQuestion, readAuditPage } from './read-audit.ts'

/** A client of the server waits for it, ms. */
const PATIENCE_MS = 10_000
/** Questions at the same time; further ones wait. */
const MOST_CONNECTIONS = 2

export interface AuditSettings {
  readonly auditPostgresUrl: string | null
  /** The schema that `export postgres` writes to. */
  readonly auditPostgresSchema: string
}

/** The audit trail in Postgres, for many questions. Owns its connections, which are opened when they are wanted. */
export class AuditTrail {
  readonly #url: string
  readonly #schema: string
  #pool: Promise<Pool> | null = null

  /** The trail that the settings name; null: they name no database. */
  static of({ auditPostgresUrl, auditPostgresSchema }: AuditSettings): AuditTrail | null {
    return auditPostgresUrl === null ? null : new AuditTrail(auditPostgresUrl, auditPostgresSchema)
  }

  /** @param url `postgres://...` */
  constructor(url: string, schema: string) {
    this.#url = url
    this.#schema = schema
  }

  /** @throws MissingPackageError without the package pg; what Postgres and the connection throw */
  async page(question: AuditQuestion, limit: number, after: string | null): Promise<AuditPage> {
    this.#pool ??= open(this.#url)
    return await readAuditPage(await this.#pool, this.#schema, { ...question, limit, after })
  }

  async close(): Promise<void> {
    // Whoever asked was told that the package is missing.
    const pool = await this.#pool?.catch(() => null)
    await pool?.end()
  }
}

async function open(url: string): Promise<Pool> {
  const { default: pg } = await import('pg').catch(() => {
    throw new MissingPackageError('the audit trail', ['pg'])
  })
  const pool = new pg.Pool({
    connectionString: url,
    max: MOST_CONNECTIONS,
    connectionTimeoutMillis: PATIENCE_MS,
    statement_timeout: PATIENCE_MS,
    query_timeout: PATIENCE_MS,
  })
  // The next question opens another connection, and is told when it cannot.
  pool.on('error', () => undefined)
  return pool
}
