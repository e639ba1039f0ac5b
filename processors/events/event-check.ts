import { createRequire } from 'node:module'
import type { TSchema } from 'typebox'
import type { Validator } from 'typebox/compile'

const require = createRequire(import.meta.url)

/**
 * The compiled check of a schema, made when it is first called. Most events are scanned and need none, so a start does not load the
 * 680 modules of typebox. Records are processed synchronously: that is why it cannot be an import().
 */
export function eventCheck(schema: TSchema): () => Validator {
  let check: Validator | null = null
  return () => {
    check ??= (require('typebox/compile') as typeof import('typebox/compile')).Compile(schema)
    return check
  }
}
