import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { HttpSchemaRegistry, schemaSerde } from '../../../infra/serdes/index.ts'
import { SchemaRegistryServer } from '../../support/schema-registry-server.ts'
import { registryConformance } from './registry.conformance.ts'

describe('serdes and the stand-in for a registry', () => {
  registryConformance(() => new SchemaRegistryServer().start())
})

describe('a registry over HTTP', () => {
  let server: SchemaRegistryServer
  beforeAll(async () => {
    server = await new SchemaRegistryServer().start()
    await server.registry.register('s', { type: 'AVRO', text: '"string"', references: [] })
  })
  afterAll(async () => await server.close())
  beforeEach(() => {
    Object.assign(server, { isDown: false, status: null })
    server.requests.length = 0
  })

  it('is asked once for each id, by however many', async () => {
    const registry = new HttpSchemaRegistry({ url: `${server.url}/` })
    const asked = [registry.schema(1), registry.schema(1)]
    expect(await Promise.all(asked)).toEqual(Array(2).fill({ id: 1, type: 'AVRO', text: '"string"', references: [] }))
    await registry.schema(1)
    expect(server.requests).toEqual(['GET /schemas/ids/1'])
  })

  it.each([
    ['does not answer', { isDown: true }],
    ['cannot now', { status: 503 }],
    // A schema behind a wrong password is not one that does not exist: no record may suffer for it.
    ['wants other credentials', { status: 401 }],
    ['is at another URL', { status: 404 }],
  ])('is asked again when it %s', async (_what, trouble) => {
    const registry = new HttpSchemaRegistry({ url: server.url })
    Object.assign(server, trouble)
    await expect(registry.schema(1)).rejects.toMatchObject({ code: 'SCHEMA_REGISTRY_UNAVAILABLE' })
    Object.assign(server, { isDown: false, status: null })
    expect((await registry.schema(1)).text).toBe('"string"')
  })

  it('that refuses a writer stops it', async () => {
    const serde = schemaSerde<string>(new HttpSchemaRegistry({ url: server.url }), {
      format: 'avro',
      schema: '"string"',
    })
    server.status = 403
    await expect(serde.prepare?.('t', 'write')).rejects.toMatchObject({
      code: 'SCHEMA_REGISTRY_REFUSED',
      message: `the schema registry at ${new URL(server.url).host} did not register the schema under subject t-value: not now`,
    })
    expect(() => serde.serialize('t', 'x')).toThrow("await prepare('t', 'write') first")
  })

  it('gets credentials: a password, or a token that is asked for each time', async () => {
    await new HttpSchemaRegistry({ url: server.url, auth: { username: 'me', password: 'secret' } }).versions('s')
    expect(server.authorization).toBe(`Basic ${Buffer.from('me:secret').toString('base64')}`)
    let tokens = 0
    const registry = new HttpSchemaRegistry({ url: server.url, auth: { token: async () => `token-${++tokens}` } })
    await registry.versions('s')
    await registry.versions('s')
    expect(server.authorization).toBe('Bearer token-2')
  })
})
