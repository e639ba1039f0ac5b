import { messageOf } from '../../state/ports/errors.ts'
import {
  IncompatibleSchemaError,
  SchemaRegistryRefusedError,
  SchemaRegistryUnavailableError,
  UnknownSchemaError,
} from './errors.ts'
import type { RegisteredSchema, Schema, SchemaReference, SchemaRegistry, SchemaType } from './schema-registry.ts'

/** A value, or what says it when it is needed: tokens expire. */
type Credential = string | (() => string | Promise<string>)

export interface HttpRegistryOptions {
  /** Where the REST API begins, for example `http://localhost:8081`. */
  readonly url: string
  /** HTTP Basic (Confluent Cloud: API key and secret), or a bearer token. */
  readonly auth?:
    | { readonly username: string; readonly password: Credential }
    | { readonly token: Credential }
    | undefined
  /** Further headers of each request. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** How long one request may take, ms. Default 5000. */
  readonly requestTimeoutMs?: number | undefined
  /** Default: Node's own. Give undici's with a dispatcher for client certificates or a proxy. */
  readonly fetch?: typeof fetch | undefined
}

/** Codes of the registry's API. */
const NO_SUBJECT = 40401
const NO_VERSION = 40402
const NO_SCHEMA = 40403
const NOT_COMPATIBLE = 409

const CONTENT_TYPE = 'application/vnd.schemaregistry.v1+json'

interface ApiSchema {
  readonly id?: number
  readonly guid?: string
  readonly schema: string
  /** Absent for Avro. */
  readonly schemaType?: SchemaType
  readonly references?: readonly SchemaReference[]
}

/** An answer other than 2xx. */
interface Refusal {
  readonly status: number
  /** The API's own code; null: something else than a registry has answered. */
  readonly code: number | null
  readonly message: string
}

type Answer<T> =
  | { readonly value: T; readonly refusal?: undefined }
  | { readonly value?: undefined; readonly refusal: Refusal }

/*
 * Owns what is known of a registry that speaks Confluent's REST API (Confluent, Karapace, Apicurio, Redpanda).
 * 1. Schemas by id and by version never change, so each is asked for once; several that want one share the request.
 * 2. Nobody's records suffer for a registry that is misconfigured: only an answer in the API's own words that there is no such id
 *    counts as one. Whatever else is wrong while reading, is no answer yet.
 */
export class HttpSchemaRegistry implements SchemaRegistry {
  readonly #options: HttpRegistryOptions
  readonly #base: string
  readonly #schemas = new Map<string, Promise<RegisteredSchema>>()

  constructor(options: HttpRegistryOptions) {
    this.#options = options
    this.#base = options.url.replace(/\/+$/, '')
  }

  schema(id: number): Promise<Schema> {
    return this.#kept(`id ${id}`, async () => {
      const { value, refusal } = await this.#request<ApiSchema>('GET', `/schemas/ids/${id}`)
      if (refusal === undefined) return schemaOf({ ...value, id })
      if (refusal.code === NO_SCHEMA) throw new UnknownSchemaError(`the schema registry has no schema ${id}`)
      throw new SchemaRegistryUnavailableError(`${this.#who} did not say what schema ${id} is: ${refusal.message}`)
    })
  }

  schemaOfGuid(guid: string): Promise<Schema> {
    return this.#kept(`guid ${guid}`, async () => {
      const { value, refusal } = await this.#request<ApiSchema>('GET', `/schemas/guids/${path(guid)}`)
      if (refusal === undefined) return schemaOf({ ...value, guid })
      if (refusal.code === NO_SCHEMA) throw new UnknownSchemaError(`the schema registry has no schema ${guid}`)
      throw new SchemaRegistryUnavailableError(`${this.#who} did not say what schema ${guid} is: ${refusal.message}`)
    })
  }

  async versions(subject: string): Promise<readonly number[]> {
    const { value, refusal } = await this.#request<readonly number[]>('GET', `/subjects/${path(subject)}/versions`)
    if (refusal === undefined) return value
    if (refusal.code === NO_SUBJECT) return []
    throw this.#refused(`did not list the versions of subject ${subject}`, refusal)
  }

  version(subject: string, version: number): Promise<RegisteredSchema> {
    return this.#kept(`${version} ${subject}`, async () => {
      const where = `/subjects/${path(subject)}/versions/${version}`
      const { value, refusal } = await this.#request<ApiSchema>('GET', where)
      if (refusal === undefined) return schemaOf(value)
      if (refusal.code === NO_SUBJECT || refusal.code === NO_VERSION)
        throw new UnknownSchemaError(`the schema registry has no version ${version} of subject ${subject}`)
      throw this.#refused(`did not say what version ${version} of subject ${subject} is`, refusal)
    })
  }

  async lookup(subject: string, schema: Schema): Promise<number> {
    return (await this.#lookup(subject, schema)).id
  }

  async guidOf(subject: string, schema: Schema): Promise<string | null> {
    return (await this.#lookup(subject, schema)).guid ?? null
  }

  async #lookup(subject: string, schema: Schema): Promise<{ readonly id: number; readonly guid?: string }> {
    const where = `/subjects/${path(subject)}`
    const { value, refusal } = await this.#request<{ id: number; guid?: string }>('POST', where, bodyOf(schema))
    if (refusal === undefined) return value
    if (refusal.code === NO_SUBJECT || refusal.code === NO_SCHEMA)
      throw new UnknownSchemaError(`the schema is not registered under subject ${subject} (autoRegister is off)`)
    throw this.#refused(`did not look up the schema under subject ${subject}`, refusal)
  }

  async register(subject: string, schema: Schema): Promise<number> {
    const where = `/subjects/${path(subject)}/versions`
    const { value, refusal } = await this.#request<{ id: number }>('POST', where, bodyOf(schema))
    if (refusal === undefined) return value.id
    if (refusal.status === NOT_COMPATIBLE) {
      const latest = (await this.versions(subject)).at(-1) ?? null
      throw new IncompatibleSchemaError(subject, latest, refusal.message)
    }
    throw this.#refused(`did not register the schema under subject ${subject}`, refusal)
  }

  get #who(): string {
    return `the schema registry at ${new URL(this.#base).host}`
  }

  /** Invariant 1. */
  #kept(key: string, ask: () => Promise<RegisteredSchema>): Promise<RegisteredSchema> {
    const known = this.#schemas.get(key)
    if (known !== undefined) return known
    const asked = ask()
    this.#schemas.set(key, asked)
    asked.catch(() => this.#schemas.delete(key))
    return asked
  }

  #refused(what: string, { status, message }: Refusal): Error {
    const text = `${this.#who} ${what}: ${message}`
    const isPassing = status >= 500 || status === 408 || status === 429
    return isPassing ? new SchemaRegistryUnavailableError(text) : new SchemaRegistryRefusedError(text)
  }

  async #request<T>(method: string, where: string, body?: unknown): Promise<Answer<T>> {
    const { fetch: send = fetch, requestTimeoutMs = 5000 } = this.#options
    try {
      const response = await send(this.#base + where, {
        method,
        headers: {
          accept: CONTENT_TYPE,
          ...(body !== undefined && { 'content-type': CONTENT_TYPE }),
          ...(await this.#headers()),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(requestTimeoutMs),
      })
      const text = await response.text()
      if (response.ok) return { value: JSON.parse(text) as T }
      return { refusal: refusalOf(response.status, text) }
    } catch (cause) {
      const { cause: inner } = cause as { cause?: unknown }
      const why =
        inner instanceof Error ? inner.message || String((inner as { code?: unknown }).code) : messageOf(cause)
      throw new SchemaRegistryUnavailableError(`${this.#who} does not answer: ${why}`, { cause })
    }
  }

  async #headers(): Promise<Readonly<Record<string, string>>> {
    const { auth, headers } = this.#options
    if (auth === undefined) return { ...headers }
    if ('token' in auth) return { ...headers, authorization: `Bearer ${await current(auth.token)}` }
    const pair = Buffer.from(`${auth.username}:${await current(auth.password)}`).toString('base64')
    return { ...headers, authorization: `Basic ${pair}` }
  }
}

function current(credential: Credential): string | Promise<string> {
  return typeof credential === 'string' ? credential : credential()
}

function path(subject: string): string {
  return encodeURIComponent(subject)
}

function schemaOf({ id = 0, guid, schema, schemaType = 'AVRO', references = [] }: ApiSchema): RegisteredSchema {
  return { id, guid, type: schemaType, text: schema, references }
}

function bodyOf({ type, text, references }: Schema): ApiSchema {
  return { schema: text, ...(type !== 'AVRO' && { schemaType: type }), ...(references.length > 0 && { references }) }
}

function refusalOf(status: number, text: string): Refusal {
  try {
    const { error_code: code, message } = JSON.parse(text) as { error_code?: number; message?: string }
    return { status, code: code ?? null, message: message ?? `status ${status}` }
  } catch {
    // Something before the registry has answered, a proxy for example.
    return { status, code: null, message: `status ${status}` }
  }
}
