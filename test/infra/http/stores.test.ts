import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createHttpApp } from '../../../infra/http/server.ts'
import { createLogger } from '../../../infra/logging/logger.ts'
import type { Serde } from '../../../state/ports/serde.ts'
import { float64Serde, int32Serde, int64Serde, serdes } from '../../../topology/serdes.ts'
import { StreamsBuilder } from '../../../topology/streams-builder.ts'
import { timeWindowedSerde } from '../../../topology/windowed-serdes.ts'
import { MemoryApp } from '../../support/memory-app.ts'

/* Keys of every kind of serde in URLs, and values that JSON has no word for. */

interface Pair {
  readonly left: number
  readonly right: number
}

/** Has no text form: two bytes. */
const pairSerde: Serde<Pair> = {
  serialize: (_topic, { left, right }) => Buffer.from([left, right]),
  deserialize: (_topic, bytes) => ({ left: bytes[0] ?? 0, right: bytes[1] ?? 0 }),
}
const bigSerde: Serde<bigint> = {
  name: 'big',
  serialize: (_topic, value) => String(value),
  deserialize: (_topic, bytes) => BigInt(bytes.toString()),
}

const KEYS = {
  texts: { serde: serdes.string, key: 'a/b ü', url: 'a/b ü' },
  ids: { serde: serdes.uuid, key: '0e37df36-f698-11e6-8dd4-cb9ced3df976', url: '0e37df36-f698-11e6-8dd4-cb9ced3df976' },
  longs: { serde: int64Serde, key: -(2 ** 40), url: '-1099511627776' },
  ints: { serde: int32Serde, key: 7, url: '7' },
  floats: { serde: float64Serde, key: -0.5, url: '-5e-1' },
  objects: { serde: serdes.json<object>(), key: { a: 1 }, url: '{ "a": 1 }' },
  pairs: { serde: pairSerde, key: { left: 1, right: 255 }, url: 'Af8=' },
  told: { serde: pairSerde, key: { left: 3, right: 4 }, url: '3-4' },
  windows: {
    serde: timeWindowedSerde(serdes.string, 60_000),
    key: { key: 'a', window: { start: 60_000, end: 120_000 } },
    url: '{"key":"a","window":{"start":60000,"end":120000}}',
  },
} as const satisfies Record<string, { serde: object; key: unknown; url: string }>
const STORES = Object.keys(KEYS) as (keyof typeof KEYS)[]

const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
for (const name of STORES) {
  const keySerde = KEYS[name].serde as unknown as Serde<unknown>
  builder.table<unknown, bigint>(name, { keySerde, valueSerde: bigSerde, materialized: { name } })
}
builder.globalTable<string, string>('everywhere', { materialized: { name: 'everywhere' } })
const plan = builder.build().build({ applicationId: 'keys' })

const topics = Object.fromEntries([...STORES, 'everywhere'].map((name) => [name, 1]))
const app = new MemoryApp({ plan, topics })
let http: FastifyInstance

async function get(url: string) {
  const { statusCode: status, body } = await http.inject({ method: 'GET', url })
  return { status, body: JSON.parse(body) as unknown }
}

beforeAll(async () => {
  for (const name of STORES) {
    const { serde, key } = KEYS[name]
    const bytes = Buffer.from((serde as unknown as Serde<unknown>).serialize(name, key))
    const value = Buffer.from('12345678901234567890')
    app.cluster.append({ topic: name, partition: 0 }, [{ key: bytes, value, timestamp: 5, headers: [] }])
  }
  app.produce('everywhere', 'here', 'too')
  await app.start()
  for (const name of STORES) await app.drained(name)
  http = await createHttpApp({
    instance: app.instance,
    keys: {
      told(text) {
        const [, left, right] = /^(\d+)-(\d+)$/.exec(text) ?? []
        if (left === undefined) throw new TypeError('a pair is left-right')
        return { left: Number(left), right: Number(right) }
      },
    },
    token: null,
    logger: createLogger({ level: 'silent' }),
  })
})

afterAll(async () => {
  await http.close()
  await app.instance.close()
})

it.each(STORES)('a key of the store %s stands in the path, and bounds a range', async (store) => {
  const { key, url } = KEYS[store]
  const row = { key, value: '12345678901234567890', timestamp: 5 }
  const text = encodeURIComponent(url)
  expect(await get(`/stores/${store}/rows/${text}`)).toEqual({ status: 200, body: row })
  const page = { rows: [row], nextCursor: null }
  expect(await get(`/stores/${store}/rows?from=${text}&to=${text}`)).toEqual({ status: 200, body: page })
})

it('a range of keys that ends before it begins is a bad request, by the order of the bytes', async () => {
  const turned = { status: 400, body: { error: { code: 'BAD_REQUEST', message: 'from must not be after to' } } }
  for (const [store, from, to] of [
    ['texts', 'b', 'a'],
    ['ints', '-1', '1'],
    ['pairs', 'Av8=', 'AQA='],
  ]) {
    expect(await get(`/stores/${store}/rows?from=${from}&to=${to}`)).toEqual(turned)
    expect((await get(`/stores/${store}/rows?from=${to}&to=${from}`)).status).toBe(200)
  }
})

it('a global store answers, too', async () => {
  const row = { key: 'here', value: 'too', timestamp: 0 }
  expect(await get('/stores/everywhere/rows/here')).toEqual({ status: 200, body: row })
  expect(await get('/stores/everywhere/rows?limit=1')).toEqual({ status: 200, body: { rows: [row], nextCursor: null } })
})

it('a text that is no key of the store is a bad request, in every route', async () => {
  const wrong = { ids: 'x', longs: '1.5', ints: '1e3', floats: ' ', objects: '{', pairs: '~', told: '3', windows: '{}' }
  for (const [store, text] of Object.entries(wrong)) {
    for (const path of [`rows/${encodeURIComponent(text)}`, `rows?from=${encodeURIComponent(text)}`]) {
      const { status, body } = await get(`/stores/${store}/${path}`)
      expect([store, path, status, body]).toMatchObject([store, path, 400, { error: { code: 'BAD_REQUEST' } }])
    }
  }
})

it('no text makes a route fail', async () => {
  const hostile = [
    '%00',
    '__proto__',
    'null',
    'NaN',
    '1e999',
    '-0',
    '[]',
    '{"key":1}',
    '%F0%9F%9A%95',
    '99999999999999999999',
  ]
  for (const store of [...STORES, 'everywhere', 'constructor']) {
    for (const text of hostile) {
      for (const path of [`rows/${text}`, `rows?to=${text}`, `rows?cursor=${text}`, `windows/${text}?from=${text}`]) {
        const { status } = await get(`/stores/${store}/${path}`)
        expect([store, path, [200, 400, 404].includes(status) ? 'fine' : status]).toEqual([store, path, 'fine'])
      }
    }
  }
})
