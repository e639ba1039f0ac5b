/*
 * Finishes the OpenAPI document that @fastify/swagger makes of the routes. Routes validate by plain JSON Schema; clients and their
 * generators need some things said in OpenAPI's own way.
 */

type Json = Readonly<Record<string, unknown>>

/** Keywords with values of answers and requests, which are no schemas. */
const VALUES: ReadonlySet<string> = new Set(['example', 'examples', 'enum', 'const', 'default'])

const MEANINGS: Readonly<Record<string, string>> = {
  200: 'The answer.',
  304: 'The client has this answer already, by its ETag.',
  400: 'A parameter is not valid; the message says which.',
  401: 'HTTP_TOKEN is set, and the request does not carry it.',
  404: 'There is no such row, or no such store.',
  410: 'It is not kept any more.',
  414: 'The path and query are too long.',
  503: 'A store restores or moves, or the instance is busy or stops: ask again after `retry-after` seconds.',
}
/** The plugin says this of answers without a description. */
const UNDESCRIBED = 'Default Response'

/**
 * Returns the document with three changes: a schema with a title is a component of that name, and `$ref` elsewhere; a parameter with a
 * default need not be sent; every answer is described. @throws TypeError when two different schemas have one title
 */
export function finishDocument(document: Json): Json {
  const named = new NamedSchemas()
  const paths = named.in(document.paths) as Json
  const { components = {} } = document as { readonly components?: { readonly schemas?: Json } }
  return { ...document, paths, components: { ...components, schemas: { ...components.schemas, ...named.schemas() } } }
}

/*
 * Owns the schemas that have a name.
 * 1. A name stands for one schema.
 */
class NamedSchemas {
  readonly #found = new Map<string, Json>()

  schemas(): Json {
    return Object.fromEntries([...this.#found].sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  /** Returns a part of the document as it is shown. */
  in(part: unknown): unknown {
    if (Array.isArray(part)) return part.map((one) => this.in(one))
    if (typeof part !== 'object' || part === null) return part
    const shown = Object.fromEntries(
      Object.entries(part).map(([name, value]) => [name, VALUES.has(name) ? value : this.in(value)]),
    )
    const finished = described(sendable(typed(shown)))
    const { title } = finished
    return typeof title === 'string' ? this.#named(title, finished) : finished
  }

  #named(title: string, schema: Json): Json {
    const known = this.#found.get(title) ?? schema
    if (shape(known) !== shape(schema)) throw new TypeError(`two different schemas have the title ${title}`)
    this.#found.set(title, { ...schema, ...known })
    return { $ref: `#/components/schemas/${title}` }
  }
}

/** The plugin moves examples and descriptions of some schemas to what stands around them. */
function shape({ example: _, examples: __, description: ___, ...rest }: Json): string {
  return JSON.stringify(rest)
}

/** Generators make a type of an enum only when they know the type of its values. */
function typed(part: Json): Json {
  const { enum: values, type } = part
  if (!Array.isArray(values) || type !== undefined) return part
  return values.every((value) => typeof value === 'string') ? { type: 'string', ...part } : part
}

/** A parameter with a default is required after validation, which fills it in, and not before. */
function sendable(part: Json): Json {
  const { in: place, required, schema } = part as { in?: unknown; required?: unknown; schema?: Json }
  if (place !== 'query' || required !== true || schema?.default === undefined) return part
  return { ...part, required: false }
}

function described(part: Json): Json {
  const { responses } = part
  if (typeof responses !== 'object' || responses === null) return part
  const shown = Object.entries(responses as Readonly<Record<string, Json>>).map(([status, response]) => [
    status,
    response.description === UNDESCRIBED ? { ...response, description: MEANINGS[status] ?? status } : response,
  ])
  return { ...part, responses: Object.fromEntries(shown) }
}
