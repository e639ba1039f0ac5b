import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type FastifyInstance, fastify } from 'fastify'
import type { Message, Producer } from 'kafkajs'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { serveQueries } from '../../infra/http/serve/index.ts'
import { connectKafka } from '../../infra/kafka/kafka.ts'
import { freePorts } from '../../infra/local-kafka/readiness.ts'
import { KafkaStreams } from '../../infra/streams/index.ts'
import { startChromium } from '../support/chromium.ts'
import { kafkaForTests, uniqueName } from '../support/kafka.ts'
import { kafkajs, kafkajsProducer } from '../support/kafkajs.ts'
import { parseMetrics } from '../support/metrics-text.ts'
import { byLastLetter, MINUTE, PARTITIONS, TOPICS } from '../support/queried-stores.ts'
import { SseClient } from '../support/sse-client.ts'

/*
 * serveQueries for a topology that nobody wrote routes for: a store of every kind over three partitions, on a real broker. Two
 * instances, each behind a fastify of its user with the routes under a prefix. All is asked of both: who has the rows must not matter.
 */

const KEYS = ['anna', 'bo', 'clem', 'di', 'eve', 'finn', 'gus', 'hal', 'ivo', 'jo', 'kim', 'lea']
const T = Math.floor(Date.now() / MINUTE) * MINUTE - 30 * MINUTE
const STARTS = [T, T + MINUTE, T + 2 * MINUTE]
/** Behind all windows of STARTS: none is too late for its window. */
const LATER = T + 4 * MINUTE
const BLOB = Buffer.from([0xff, 0x00, 0xc3])
const TOKEN = 'a-token-of-this-test'
const authorization = { authorization: `Bearer ${TOKEN}` }

interface Row {
  readonly key: unknown
  readonly window?: { readonly start: number; readonly end: number }
  readonly value: unknown
  readonly timestamp?: number
  readonly validTo?: number | null
}
interface Page {
  readonly rows: readonly Row[]
  readonly nextCursor: string | null
}

const applicationId = uniqueName('served')
const topic = (name: (typeof TOPICS)[number]): string => `${applicationId}-in-${name}`
const at = (key: string | Buffer, time: number, value: string | Buffer = 'x'): Message => ({
  key,
  value,
  timestamp: String(time),
})
let producer: Producer
const servers: FastifyInstance[] = []
const urls: string[] = []
const all: KafkaStreams[] = []
const directories: string[] = []

async function start(port: number): Promise<void> {
  const stateDir = await mkdtemp(join(tmpdir(), 'served-'))
  directories.push(stateDir)
  const streams = new KafkaStreams(new URL('../support/queried-stores.ts', import.meta.url), {
    applicationId,
    brokers: (await kafkaForTests()).bootstrap,
    applicationServer: `127.0.0.1:${port}`,
    httpToken: TOKEN,
    numStreamThreads: 2,
    stateDir,
    logLevel: 'silent',
  })
  all.push(streams)
  const server = fastify()
  servers.push(server)
  server.get('/hello', () => 'hello')
  await serveQueries(streams, { fastify: server, prefix: '/state', dashboard: true })
  urls.push(await server.listen({ host: '127.0.0.1', port }))
}

const send = (name: (typeof TOPICS)[number], messages: Message[]) => producer.send({ topic: topic(name), messages })

async function get(url: string, path: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${url}/state${path}`, { headers: { ...authorization, ...headers } })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true
  return { status: response.status, body: isJson ? (JSON.parse(text) as unknown) : text, headers: response.headers }
}

/** The answer that every instance gives. */
async function fromEach<T>(path: string): Promise<T> {
  const answers = await Promise.all(urls.map((url) => get(url, path)))
  const [one, ...others] = answers.map(({ status, body }) => ({ status, body }))
  for (const other of others) expect(other).toEqual(one)
  expect([path, one?.status, one?.body]).toMatchObject([path, 200, {}])
  return one?.body as T
}

/** All rows, in pages of five which come from one instance after the other. */
async function inPages(path: string): Promise<readonly Row[]> {
  const rows: Row[] = []
  let cursor: string | null = ''
  for (let page = 0; cursor !== null; page++) {
    const query: string = `limit=5${cursor === '' ? '' : `&cursor=${cursor}`}`
    const url = urls[page % urls.length] ?? ''
    const { body } = await get(url, `${path}${path.includes('?') ? '&' : '?'}${query}`)
    const answer = body as Page
    expect(answer.rows.length).toBeLessThanOrEqual(5)
    rows.push(...answer.rows)
    cursor = answer.nextCursor
  }
  return rows
}

const sizes = async (): Promise<unknown> =>
  Promise.all(
    ['by-minute', 'visits', 'prices', 'blobs', 'told', 'by-letter'].map(
      async (store) => ((await get(urls[0] ?? '', `/stores/${store}/rows?limit=1000`)).body as Page).rows.length,
    ),
  )

beforeAll(async () => {
  const { bootstrap } = await kafkaForTests()
  const kafka = connectKafka({ brokers: [bootstrap], clientId: 'served' })
  const config = { 'retention.ms': '-1' }
  await kafka.admin().createTopics(TOPICS.map((name) => ({ name: topic(name), partitions: PARTITIONS, config })))
  await kafka.close()
  producer = await kafkajsProducer(kafkajs(bootstrap))
  for (const port of await freePorts(2)) await start(port)
})

afterAll(async () => {
  await producer?.disconnect()
  await Promise.all(servers.map((server) => server.close()))
  await Promise.all(all.map((streams) => streams.close()))
  for (const directory of directories) await rm(directory, { recursive: true, force: true })
})

it('before the streams run, the instance lives and is not ready, and stores answer 503 with Retry-After', async () => {
  for (const url of urls) {
    expect(await get(url, '/health/live')).toMatchObject({ status: 200, body: { state: 'CREATED' } })
    expect(await get(url, '/health/ready')).toMatchObject({ status: 503, body: { status: 'not ready' } })
    const early = await get(url, '/stores/prices/rows/anna')
    expect(early).toMatchObject({ status: 503, body: { error: { code: 'STORE_UNAVAILABLE' } } })
    expect(early.headers.get('retry-after')).toBe('1')
  }
})

describe('running streams', () => {
  beforeAll(async () => {
    await Promise.all(all.map((streams) => streams.start()))
    for (const time of STARTS) {
      await send(
        'words',
        KEYS.map((key) => at(key, time)),
      )
    }
    for (const [i, time] of STARTS.entries()) {
      await send(
        'prices',
        KEYS.map((key) => at(key, time, `${key} ${i}`)),
      )
    }
    await send('blobs', [at(BLOB, T, Buffer.from([1, 2]))])
    const last = (key: string) => byLastLetter('', key, null, PARTITIONS)
    await send(
      'told',
      KEYS.map((key) => ({ ...at(key, T, `of ${key}`), partition: last(key) })),
    )
    await send(
      'tagged',
      KEYS.map((key) => at(key, T)),
    )
    await vi.waitFor(
      async () => {
        // No task moves any more: none warms up, and each instance has half of the eight subtopologies' tasks.
        const tasks = await Promise.all(all.map((streams) => streams.tasks()))
        expect(tasks.map((own) => own.length)).toEqual([12, 12])
        expect(tasks.flat().every(({ state }) => state === 'running')).toBe(true)
        expect(await sizes()).toEqual([36, 36, 12, 1, 12, 12])
      },
      { timeout: 90_000, interval: 200 },
    )
  })

  it('list the stores with their kinds and serdes', async () => {
    const { rows } = await fromEach<{ rows: { name: string }[] }>('/stores')
    expect(rows).toHaveLength(8)
    expect(rows.find(({ name }) => name === 'by-minute')).toEqual({
      name: 'by-minute',
      kind: 'window',
      isGlobal: false,
      keySerde: 'string',
      valueSerde: 'int64',
      windowSizeMs: MINUTE,
      retentionMs: 60 * MINUTE,
    })
    expect(rows.find(({ name }) => name === 'blobs')).toMatchObject({ kind: 'key-value', keySerde: 'bytes' })
  })

  it('answer every key from whichever instance, also one that a partitioner placed', async () => {
    for (const key of KEYS) {
      const row = await fromEach<Row>(`/stores/told/rows/${key}`)
      expect(row).toEqual({ key, value: `of ${key}`, timestamp: T })
      expect(await fromEach<Row>(`/stores/by-letter/rows/${key}`)).toEqual({ key, value: 1, timestamp: T })
    }
    const missing = await Promise.all(urls.map((url) => get(url, '/stores/told/rows/nobody')))
    expect(missing.map(({ status }) => status)).toEqual([404, 404])
  })

  it('answer versions, with asOf in epoch ms and in ISO 8601', async () => {
    const latest = { key: 'anna', value: 'anna 2', timestamp: T + 2 * MINUTE, validTo: null }
    expect(await fromEach('/stores/prices/rows/anna')).toEqual(latest)
    const first = { key: 'anna', value: 'anna 0', timestamp: T, validTo: T + MINUTE }
    expect(await fromEach(`/stores/prices/rows/anna?asOf=${T + 1}`)).toEqual(first)
    expect(await fromEach(`/stores/prices/rows/anna?asOf=${new Date(T + 1).toISOString()}`)).toEqual(first)
  })

  it('show bytes as base64, in the answer and in the path', async () => {
    const row = { key: '/wDD', value: 'AQI=', timestamp: T }
    expect(await fromEach(`/stores/blobs/rows/${encodeURIComponent('/wDD')}`)).toEqual(row)
    expect(await fromEach('/stores/blobs/rows')).toEqual({ rows: [row], nextCursor: null })
  })

  it('answer ranges in the order of the keys, page by page over both instances, and in reverse', async () => {
    const keysOf = (rows: readonly Row[]) => rows.map(({ key }) => key)
    expect(keysOf(await inPages('/stores/told/rows'))).toEqual(KEYS)
    expect(keysOf(await inPages('/stores/told/rows?reverse=true'))).toEqual([...KEYS].reverse())
    expect(keysOf(await inPages('/stores/told/rows?from=clem&to=ivo'))).toEqual(KEYS.slice(2, 9))
  })

  it('answer the windows of a key and of all keys, by start', async () => {
    const { rows } = await fromEach<Page>(`/stores/by-minute/windows/anna?from=${T + 1}`)
    expect(rows).toEqual(
      STARTS.slice(1).map((start) => ({
        key: 'anna',
        window: { start, end: start + MINUTE },
        value: 1,
        timestamp: start,
      })),
    )
    const every = await inPages(`/stores/by-minute/windows?from=${T}&to=${T + MINUTE}`)
    expect(every.map(({ key, window }) => [window?.start, key])).toEqual(
      STARTS.slice(0, 2).flatMap((start) => KEYS.map((key) => [start, key])),
    )
    expect((await inPages('/stores/by-minute/rows')).length).toBe(36)
  })

  it('answer the sessions of a key', async () => {
    const { rows } = await fromEach<Page>(`/stores/visits/sessions/bo?latestStart=${T + MINUTE}`)
    expect(rows).toEqual(STARTS.slice(0, 2).map((start) => ({ key: 'bo', window: { start, end: start }, value: 1 })))
  })

  it('refuse with 400 what does not fit the store, and with 404 a store that is not there', async () => {
    for (const [path, status] of [
      ['/stores/none/rows', 404],
      ['/stores/by-minute/rows/anna', 400],
      ['/stores/told/windows/anna', 400],
      ['/stores/told/rows/anna?asOf=5', 400],
      ['/stores/prices/rows/anna?asOf=yesterday', 400],
      ['/stores/by-minute/rows?from=a', 400],
      ['/stores/blobs/rows/%20', 400],
      ['/stores/told/rows?cursor=@', 400],
      ['/stores/told/rows?limit=0', 400],
      ['/stores/told/rows?from=bo&to=anna', 400],
      [`/stores/by-minute/windows?from=${T + 1}&to=${T}`, 400],
      [`/stores/by-minute/windows/anna?from=${T + 1}&to=${T}`, 400],
    ] as const) {
      const answers = await Promise.all(urls.map((url) => get(url, path)))
      for (const { status: answered, body } of answers) {
        expect([path, answered, body]).toMatchObject([path, status, { error: { message: expect.any(String) } }])
      }
    }
  })

  it('show a write to whoever sends its offset, through either instance', async () => {
    for (const [index, url] of urls.entries()) {
      const [sent] = await send('prices', [at('gus', T + 3 * MINUTE + index, `offset ${index}`)])
      const offset = `${topic('prices')}:${sent?.partition}:${sent?.baseOffset}`
      const { body } = await get(url, '/stores/prices/rows/gus', { 'x-min-offset': offset })
      expect(body).toMatchObject({ key: 'gus', value: `offset ${index}` })
    }
  })

  it('send a row and each change of it as events, through either instance; null while there is none', async () => {
    const path = '/state/stores/told/rows/zoe/events'
    const clients = await Promise.all(urls.map((url) => SseClient.open(`${url}${path}`, authorization)))
    try {
      for (const client of clients) expect(await client.next()).toEqual({ event: 'row', data: null })
      for (const value of ['here', 'gone'] as const) {
        const partition = byLastLetter('', 'zoe', null, PARTITIONS)
        await send('told', [{ ...at('zoe', T, value), value: value === 'gone' ? null : value, partition }])
        const data = value === 'gone' ? null : { key: 'zoe', value, timestamp: T }
        for (const client of clients) expect(await client.next()).toEqual({ event: 'row', data })
      }
    } finally {
      for (const client of clients) client.close()
    }
  })

  it('send the windows and the sessions of a key as events, through either instance: the page now and after each change', async () => {
    const paths = [
      `/stores/by-minute/windows/uma/events?from=${T}&limit=1&reverse=true`,
      '/stores/visits/sessions/uma/events',
    ]
    const opened = paths.flatMap((path) => urls.map((url) => SseClient.open(`${url}/state${path}`, authorization)))
    const clients = await Promise.all(opened)
    const all = (event: unknown) =>
      Promise.all(clients.map(async (client) => expect(await client.next()).toEqual(event)))
    try {
      await all({ event: 'rows', data: { rows: [], nextCursor: null } })
      for (const start of [LATER, LATER + MINUTE]) {
        await send('words', [at('uma', start)])
        const windows = {
          rows: [{ key: 'uma', window: { start, end: start + MINUTE }, value: 1, timestamp: start }],
          nextCursor: start === LATER ? null : expect.any(String),
        }
        const sessions = [LATER, LATER + MINUTE].filter((one) => one <= start)
        const rows = sessions.map((one) => ({ key: 'uma', window: { start: one, end: one }, value: 1 }))
        const expected = [windows, windows, ...urls.map(() => ({ rows, nextCursor: null }))]
        for (const [i, client] of clients.entries())
          expect(await client.next()).toEqual({ event: 'rows', data: expected[i] })
      }
    } finally {
      for (const client of clients) client.close()
    }
    for (const url of urls) {
      const wrong = await get(url, '/stores/told/windows/anna/events')
      expect(wrong).toMatchObject({
        status: 400,
        body: { error: { message: expect.stringContaining('told is a key-value store') } },
      })
    }
  })

  it('have an OpenAPI document in which each parameter of a path is described, and valid metrics', async () => {
    interface Operation {
      readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean }[]
      readonly responses: Readonly<Record<string, { readonly description: string }>>
    }
    const { openapi, info, paths } = await fromEach<{
      readonly openapi: string
      readonly info: object
      readonly paths: Readonly<Record<string, { readonly get: Operation }>>
    }>('/openapi.json')
    expect([openapi, info]).toMatchObject(['3.1.0', { title: applicationId }])
    expect(Object.keys(paths)).toContain('/state/stores/{store}/windows/{key}')
    expect(Object.keys(paths)).not.toContain('/hello')
    for (const [path, { get: operation }] of Object.entries(paths)) {
      const inPath = (operation.parameters ?? []).filter((one) => one.in === 'path' && one.required === true)
      const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      expect([path, inPath.map(({ name }) => name).sort()]).toEqual([path, names.sort()])
      for (const answer of Object.values(operation.responses)) expect(answer.description).toEqual(expect.any(String))
    }
    const lines = parseMetrics((await get(urls[0] ?? '', '/metrics')).body as string)
    const series = lines.map(({ name, labels }) => JSON.stringify([name, labels]))
    expect(series).toEqual([...new Set(series)])
    expect(lines.map(({ name }) => name)).toContain('records_processed_total')
  })

  it('show tasks, lag, health and the topology', async () => {
    for (const url of urls) {
      await vi.waitFor(async () => expect((await get(url, '/health/ready')).status).toBe(200), 30_000)
      expect((await get(url, '/lag')).body).toMatchObject({ total: expect.any(Number) })
      expect(((await get(url, '/tasks')).body as { rows: unknown[] }).rows.length).toBeGreaterThan(2)
    }
    const { subtopologies } = await fromEach<{ subtopologies: { stores: { name: string }[] }[] }>('/topology')
    expect(subtopologies.flatMap(({ stores }) => stores.map(({ name }) => name))).toContain('by-letter')
  })

  it('need the token, and leave the other routes of the server alone', async () => {
    for (const url of urls) {
      const bare = await fetch(`${url}/state/stores`)
      expect(bare.status).toBe(401)
      expect((await fetch(`${url}/state/health/live`)).status).toBe(200)
      expect(await (await fetch(`${url}/hello`)).text()).toBe('hello')
      expect(await (await fetch(`${url}/nowhere`)).json()).toMatchObject({ message: 'Route GET:/nowhere not found' })
      const unknown = await fetch(`${url}/state/nowhere`, { headers: authorization })
      expect(await unknown.json()).toMatchObject({ error: { code: 'NOT_FOUND' } })
      const written = await fetch(`${url}/state/stores`, { method: 'DELETE', headers: authorization })
      expect([written.status, written.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    }
  })

  it('have a dashboard with the topology, the tasks of both instances, and rows of any store', async () => {
    const browser: Browser = await startChromium()
    try {
      const page = await browser.newPage()
      const errors: string[] = []
      page.on('pageerror', ({ message }) => errors.push(message))
      await page.goto(`${urls[0]}/state/dashboard`)
      await page.fill('#token-input', TOKEN)
      await page.click('#token-form button')
      await page.getByText('live', { exact: true }).waitFor()
      expect(await page.title()).toBe(applicationId)
      await page.locator('#topology-graph').getByText('store by-minute').waitFor()
      await page.locator('#topology-graph .rate', { hasText: '/s' }).first().waitFor()
      await page
        .locator('#tasks-body')
        .getByText(new URL(urls[1] ?? '').host)
        .first()
        .waitFor()
      await page.selectOption('#stores-choice', 'by-minute')
      await page.fill('#stores-form input', 'anna')
      await page.click('#stores-form button')
      await page.locator('#stores-answer h3', { hasText: 'by-minute: anna' }).waitFor()
      expect(await page.locator('#stores-answer tbody tr').count()).toBe(3)
      await page.selectOption('#stores-choice', 'told')
      await page.fill('#stores-form input', '')
      await page.click('#stores-form button')
      await page.locator('#stores-answer td', { hasText: 'of anna' }).waitFor()
      for (const [link, words] of [
        ['topology', '"subtopologies"'],
        ['openapi.json', '"openapi"'],
        ['metrics', 'records_processed_total'],
        ['lag', '"total"'],
      ] as const) {
        await page.locator('footer').getByText(link, { exact: true }).click()
        await page.getByText(words).first().waitFor()
        await page.goBack()
        await page.getByText('live', { exact: true }).waitFor()
      }
      expect(errors).toEqual([])
    } finally {
      await browser.close()
    }
  })
})
