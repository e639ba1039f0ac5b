import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import avsc from 'avsc'
import {
  IncompatibleSchemaError,
  MemorySchemaRegistry,
  type Schema,
  type SchemaType,
  UnknownSchemaError,
} from '../../infra/serdes/index.ts'

interface Body {
  readonly schema: string
  readonly schemaType?: SchemaType
  readonly references?: Schema['references']
}

/**
 * A small stand-in for a schema registry: those requests of Confluent's REST API that serdes send, over HTTP, in this process. It knows
 * one compatibility rule, BACKWARD for Avro. `npm run test:registry` runs the same cases on a real one.
 */
export class SchemaRegistryServer {
  readonly #levels = new Map<string, string>()
  readonly registry = new MemorySchemaRegistry({
    refusal: ({ type, text }, latest, subject) => {
      if (type !== 'AVRO' || this.#levels.get(subject) !== 'BACKWARD') return null
      try {
        avsc.Type.forSchema(JSON.parse(text)).createResolver(avsc.Type.forSchema(JSON.parse(latest.text)))
        return null
      } catch (error) {
        return (error as Error).message
      }
    },
  })
  /** `METHOD path` of each request. */
  readonly requests: string[] = []
  /** Answers nothing: connections end. */
  isDown = false
  /** Answers every request with this status. */
  status: number | null = null
  /** The last request's credentials. */
  authorization: string | undefined
  readonly #server = createServer((request, response) => void this.#answer(request, response))

  async start(): Promise<this> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return this
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests.push(`${request.method} ${request.url}`)
    this.authorization = request.headers.authorization
    if (this.isDown) {
      request.socket.destroy()
      return
    }
    const [status, body] = this.status === null ? await this.#reply(request) : [this.status, { message: 'not now' }]
    response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' }).end(JSON.stringify(body))
  }

  async #reply(request: IncomingMessage): Promise<readonly [number, unknown]> {
    const parts = (request.url ?? '').split('/').slice(1).map(decodeURIComponent)
    try {
      return [200, await this.#result(request, parts)]
    } catch (error) {
      const { message } = error as Error
      if (error instanceof IncompatibleSchemaError) return [409, { error_code: 409, message }]
      if (!(error instanceof UnknownSchemaError)) return [500, { error_code: 50001, message }]
      const code = parts[0] === 'schemas' ? 40403 : request.method === 'POST' ? 40403 : 40402
      return [404, { error_code: code, message }]
    }
  }

  async #result(request: IncomingMessage, [kind = '', name = '', ...rest]: readonly string[]): Promise<unknown> {
    const { registry } = this
    if (kind === 'schemas' && name === 'guids') return bodyOf(await registry.schemaOfGuid(String(rest[0])))
    if (kind === 'schemas') return bodyOf(await registry.schema(Number(rest[0])))
    if (kind === 'config') {
      const { compatibility } = (await json(request)) as { compatibility: string }
      this.#levels.set(name, compatibility)
      return { compatibility }
    }
    const [, version] = rest
    if (request.method === 'POST') {
      const { schema: text, schemaType: type = 'AVRO', references = [] } = (await json(request)) as Body
      const schema = { type, text, references }
      if (rest.length > 0) return { id: await registry.register(name, schema) }
      return { id: await registry.lookup(name, schema), guid: await registry.guidOf(name, schema) }
    }
    if (version === undefined) return await registry.versions(name)
    const { id, guid, ...schema } = await registry.version(name, Number(version))
    return { subject: name, version: Number(version), id, guid, ...bodyOf(schema) }
  }
}

function bodyOf({ type, text, references }: Schema): Body {
  return { schema: text, ...(type !== 'AVRO' && { schemaType: type }), references }
}
