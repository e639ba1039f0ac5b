import type { FastifySchemaValidationError } from 'fastify/types/schema.js'

/** The message of a request that does not fit its schema; it names the values that an enum allows. */
export function schemaError(errors: readonly FastifySchemaValidationError[], place: string): Error {
  const problems = errors.map(({ instancePath, message, keyword, params }) => {
    const allowed = keyword === 'enum' ? `: ${(params.allowedValues as readonly unknown[]).join(', ')}` : ''
    return `${place}${instancePath} ${message}${allowed}`
  })
  return new Error(problems.join(', '))
}
