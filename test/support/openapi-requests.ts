import fc from 'fast-check'

/* Requests from an OpenAPI document: each parameter sometimes as its schema says, sometimes as nobody should send it. */

interface Schema {
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly format?: string
  readonly $ref?: string
}

interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required?: boolean
  readonly schema: Schema
}

export interface OpenApi {
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
  readonly paths: Readonly<Record<string, { readonly get?: { readonly parameters?: readonly Parameter[] } }>>
}

export interface FuzzedRequest {
  readonly path: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

const HOSTILE = [
  ...[
    '',
    ' ',
    '%',
    '%00',
    '%2e%2e%2f',
    '../../etc/passwd',
    '__proto__',
    'constructor',
    'toString',
    'null',
    'undefined',
    'true',
  ],
  ...['NaN', 'Infinity', '-Infinity', '1e999', '-0', '0x10', '1e-7', '99999999999999999999', '-1', '1.5', '٣'],
  ...[
    '[]',
    '{}',
    '{"a":1}',
    "' OR 1=1 --",
    '<script>',
    '\u0000',
    '\ud800',
    '🚕'.repeat(300),
    'x'.repeat(5000),
    '\r\nx: y',
  ],
  ...['2019-02-30T00:00:00Z', '+275760-09-13T00:00:00Z', '2019-03-01T00:00:00', '0000-00-00T00:00:00Z'],
  ...['8928308280fffff', '892830828ffffff', 'ffffffffffffffff', '8001fffffffffff'],
]

const hostile = fc.oneof(
  fc.constantFrom(...HOSTILE),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.double().map(String),
)

/** A query parameter that comes twice is an array to the server. */
const TWICE = 'TWICE'

function friendly({ type, enum: values, minimum = -1000, maximum = 1e6, format }: Schema): fc.Arbitrary<string> {
  if (values !== undefined) return fc.constantFrom(...values.map(String))
  if (type === 'integer') return fc.integer({ min: minimum, max: maximum }).map(String)
  if (type === 'number') return fc.double({ min: minimum, max: maximum, noNaN: true }).map(String)
  if (format === 'date-time') return fc.date({ noInvalidDate: true }).map((date) => date.toISOString())
  return fc.oneof(
    fc.string({ minLength: 1, maxLength: 30 }),
    fc.constantFrom('trip-11-1', '892a100d29bffff', '2019-03-01T10:00:00Z'),
  )
}

/** Requests for all operations without a body. */
export function openApiRequests(document: OpenApi): ReadonlyMap<string, fc.Arbitrary<FuzzedRequest>> {
  const operations = Object.entries(document.paths).flatMap(([path, { get }]) =>
    get === undefined ? [] : [{ path, ...get }],
  )
  const { schemas } = document.components
  const plain = ({ schema, ...rest }: Parameter): Parameter => {
    const name = schema.$ref?.split('/').at(-1)
    return { ...rest, schema: name === undefined ? schema : (schemas[name] as Schema) }
  }
  return new Map(operations.map(({ path, parameters = [] }) => [path, requests(path, parameters.map(plain))]))
}

function requests(path: string, parameters: readonly Parameter[]): fc.Arbitrary<FuzzedRequest> {
  const value = (parameter: Parameter) =>
    fc.oneof(
      { arbitrary: friendly(parameter.schema), weight: 3 },
      { arbitrary: hostile, weight: 2 },
      { arbitrary: fc.constant(parameter.in === 'query' ? TWICE : '-'), weight: 1 },
    )
  const record = fc.record(
    Object.fromEntries(parameters.map((parameter) => [`${parameter.in} ${parameter.name}`, value(parameter)])),
    { requiredKeys: parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => `path ${name}`) },
  )
  return fc.tuple(record, fc.option(fc.tuple(hostile, hostile), { freq: 5 })).map(([values, stranger]) => {
    let url = path
    const query: string[] = []
    const headers: Record<string, string> = {}
    for (const [place, text] of Object.entries(values as Record<string, string>)) {
      const [where = '', name = ''] = place.split(' ')
      if (where === 'path') url = url.replace(`{${name}}`, encode(text))
      else if (where === 'header') headers[name] = text.replace(/[^\x20-\x7e]/g, '?').slice(0, 4000)
      else if (text === TWICE) query.push(`${name}=1`, `${name}=2`)
      else query.push(`${name}=${encode(text)}`)
    }
    if (stranger !== null) query.push(stranger.map(encode).join('='))
    return { path, url: query.length === 0 ? url : `${url}?${query.join('&')}`, headers }
  })
}

/** Percent-encoded, but what is encoded already or cannot be stays as it is. */
function encode(text: string): string {
  if (text.startsWith('%')) return text
  return encodeURIComponent(text.toWellFormed())
}
