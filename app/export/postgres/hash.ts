import { createHash } from 'node:crypto'

/** SHA-256 as Postgres' text of bytes. A key may be longer than a primary key holds, and may have characters that no text there has. */
export function hashOf(bytes: Buffer | string): string {
  return `\\x${createHash('sha256').update(bytes).digest('hex')}`
}
