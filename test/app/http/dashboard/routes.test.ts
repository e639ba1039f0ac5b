import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { posix } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import type { RideSections } from '../../../../app/http/dashboard/sections.ts'
import { rideHttp } from '../../../../app/http/ride-http.ts'
import type { RideViews } from '../../../../app/http/ride-views.ts'
import { MOST_VIEWERS } from '../../../../infra/http/dashboard/live-feed.ts'
import type { Counted, SectionData, Sections } from '../../../../infra/http/dashboard/sections/index.ts'
import { createHttpApp, type HttpServer, startHttp } from '../../../../infra/http/server.ts'
import { createLogger } from '../../../../infra/logging/logger.ts'
import type { DeadLetter, LetterSource } from '../../../../infra/streams/dead-letters/index.ts'
import { StoreUnavailableError, type TaskHost } from '../../../../runtime/ports/instance.ts'
import { CommitFailedError, FencedError } from '../../../../state/ports/errors.ts'
import type { Plan } from '../../../../topology/plan.ts'
import { InMemoryInstance } from '../../../support/in-memory-instance.ts'

/** Stored values of these tests are the answers themselves. */
const views = {
  trips: { store: 'trip-state', view: (_key: string, stored: unknown) => stored },
  drivers: { store: 'driver-cells', view: (_key: string, stored: unknown) => stored },
  revenue: { store: 'hourly-revenue', view: (_key: string, stored: unknown) => stored },
} as RideViews

/** The stores of the topology, as far as the dashboard asks. */
const topology = {
  internalTopics: [],
  subtopologies: [{ stores: Object.values(views).map(({ store }) => ({ spec: { name: store } })) }],
} as unknown as Plan

const options = {
  application: rideHttp({ views, h3Resolution: 9, driverTtlMs: 0 }),
  minOffsetWaitMs: 0,
  logger: createLogger({ level: 'silent' }),
}

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function injected(token: string | null = null) {
  const app = await createHttpApp({ ...options, instance: new InMemoryInstance(), token })
  closers.push(() => app.close())
  return (url: string, headers: Record<string, string> = {}) => app.inject({ method: 'GET', url, headers })
}

const LETTER: DeadLetter = {
  partition: 0,
  offset: 7,
  timestamp: 0,
  key: null,
  value: Buffer.from('broken'),
  headers: [],
  source: { topic: 'trip.requested', partition: 1, offset: 3 },
  reason: 'schema',
  exception: 'InvalidRecordError',
  message: 'no JSON',
}

/** Letters of which one is there; remembers what was sent back. */
class OneLetter implements LetterSource {
  readonly sent: string[] = []
  failure: Error | null = null
  async latest() {
    return { latest: [LETTER], count: 1, byReason: [], isComplete: true }
  }
  async find(name: string) {
    return name === '0:7' ? { letter: LETTER, isRedriven: this.sent.length > 0, diedAgainAs: null } : null
  }
  async redrive(name: string) {
    if (this.failure !== null) throw this.failure
    if (name !== '0:7') return null
    const result = this.sent.length > 0 ? ('already-redriven' as const) : ('redriven' as const)
    this.sent.push(name)
    return { letter: name, source: 'trip.requested-1@3', key: null, target: 'trip.requested-1', result }
  }
  async rest() {}
}

async function served(instance: InMemoryInstance, token: string | null = null): Promise<HttpServer> {
  instance.topology = topology
  const http = await startHttp({ ...options, instance, token }, '127.0.0.1', 0)
  closers.push(() => http.close())
  return http
}

async function connect(url: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const request = get(`${url}/dashboard/events`, { headers, agent: false })
  closers.push(() => request.destroy())
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return response
}

type Shown = Sections & RideSections

const texts = new WeakMap<IncomingMessage, string>()

/** The first event of that section, since the stream began, that is as wanted. */
async function section<N extends keyof Shown>(
  stream: IncomingMessage,
  name: N,
  isWanted: (section: SectionData<Shown[N]>) => boolean = () => true,
): Promise<SectionData<Shown[N]>> {
  const chunks = stream.setEncoding('utf8').iterator({ destroyOnReturn: false })
  for (;;) {
    const text = texts.get(stream) ?? ''
    for (const [, event, data] of text.matchAll(/event: (\S+)\ndata: (.*)\n\n/g)) {
      if (event !== name) continue
      const found = JSON.parse(data ?? '') as SectionData<Shown[N]>
      if (isWanted(found)) return found
    }
    const { done, value } = (await chunks.next()) as IteratorResult<string>
    if (done === true) throw new Error(`the stream ended without the wanted ${name}: ${text.slice(0, 500)}`)
    texts.set(stream, text + value)
  }
}

/** The first round has ended, and everybody has answered. */
const isWhole = ({ data }: SectionData<Counted<unknown>>): boolean => data?.complete === true

describe('the page', () => {
  it('serves every file that its files refer to, with the right content type', async () => {
    const load = await injected()
    const seen = new Set(['/'])
    for (const url of seen) {
      const { statusCode, body, headers } = await load(url)
      expect([url, statusCode]).toEqual([url, 200])
      const type = /\.(ts|js)$/.test(url) ? /^text\/javascript/ : /^(text\/(html|css)|image\/svg\+xml)/
      expect(headers['content-type']).toMatch(type)
      const isOurs = !url.includes('/lib/')
      if (!isOurs) continue
      for (const [, path = ''] of body.matchAll(/(?:from|src=|href=) ?["']([^"'#][^"']*)["']/g)) {
        if (/\.(ts|js|css|svg)$/.test(path)) seen.add(posix.join(posix.dirname(url), path))
      }
    }
    expect([...seen]).toEqual(
      expect.arrayContaining(['/dashboard/lib/uplot.js', '/dashboard/lib/h3.js', '/dashboard/map/cells.ts']),
    )
    expect(seen.size).toBeGreaterThan(20)
  })

  it('serves JavaScript without types to browsers', async () => {
    const { body } = await (await injected())('/dashboard/stream.ts')
    expect(body).toContain('function followEvents(')
    expect(body).not.toMatch(/interface|: Promise</)
  })

  it('has a content security policy that allows only its own code, and no frames', async () => {
    const { headers } = await (await injected())('/')
    const policy = String(headers['content-security-policy'])
    expect(policy).toContain("default-src 'none'; script-src 'self';")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toContain('unsafe')
    expect(headers['x-content-type-options']).toBe('nosniff')
  })

  it('is compressed for clients that accept it, and answers 304 while unchanged', async () => {
    const load = await injected()
    const plain = await load('/dashboard/main.ts')
    const packed = await load('/dashboard/main.ts', { 'accept-encoding': 'br, gzip' })
    expect(packed.headers['content-encoding']).toBe('gzip')
    expect(gunzipSync(packed.rawPayload).toString()).toBe(plain.body)
    const again = await load('/dashboard/main.ts', { 'if-none-match': String(plain.headers.etag) })
    expect([again.statusCode, again.body]).toEqual([304, ''])
  })

  it('serves no file but its own', async () => {
    const load = await injected()
    for (const path of [
      'nothing',
      '../routes.ts',
      '%2e%2e/routes.ts',
      '..%2froutes.ts',
      'constructor',
      'lib/uplot.d.ts',
      '',
    ]) {
      const { statusCode, body } = await load(`/dashboard/${path}`)
      expect([path, statusCode]).toEqual([path, 404])
      expect(JSON.parse(body)).toMatchObject({ error: { code: 'NOT_FOUND' } })
    }
  })

  it('needs no token, but its data does', async () => {
    const load = await injected('secret-token')
    for (const url of ['/', '/dashboard/main.ts']) expect((await load(url)).statusCode).toBe(200)
    for (const url of ['/dashboard/share', '/dashboard/history', '/dashboard/events', '/dashboard/events/', '/trips']) {
      expect([url, (await load(url)).statusCode]).toEqual([url, url === '/dashboard/events/' ? 404 : 401])
    }
  })
})

describe('redrive of a dead letter', () => {
  const path = '/dashboard/letters/0:7/redrive'

  async function redriving(settings: { readonly token?: string; readonly readOnly?: boolean } = {}) {
    const letters = new OneLetter()
    const { token = null, readOnly = false } = settings
    const app = await createHttpApp({ ...options, instance: new InMemoryInstance(), token, readOnly, letters })
    closers.push(() => app.close())
    const post = async (headers: Record<string, string> = {}, remoteAddress = '127.0.0.1', url = path) => {
      const { statusCode, json } = await app.inject({ method: 'POST', url, headers, remoteAddress })
      return [statusCode, json<{ error?: { code: string }; result?: string }>()] as const
    }
    const shown = async () => (await app.inject({ url: '/dashboard/letters/0:7', headers: BEARER })).json()
    return { letters, post, shown }
  }
  const BEARER = { authorization: 'Bearer secret-token' }
  const refused = (status: number, code: string) => [status, { error: { code, message: expect.any(String) } }]

  it('sends the letter back once and says where it went; unknown letters are 404', async () => {
    const { letters, post, shown } = await redriving()
    expect(await shown()).toMatchObject({ isRedriven: false, mayRedrive: true })
    expect(await post()).toEqual([200, { letter: '0:7', target: 'trip.requested-1', result: 'redriven' }])
    expect(await post()).toMatchObject([200, { result: 'already-redriven' }])
    expect(await shown()).toMatchObject({ isRedriven: true, diedAgainAs: null })
    expect(await post({}, '127.0.0.1', '/dashboard/letters/0:8/redrive')).toEqual(refused(404, 'NOT_FOUND'))
    letters.failure = new FencedError('another producer')
    expect(await post()).toEqual(refused(409, 'REDRIVE_INTERRUPTED'))
    letters.failure = new CommitFailedError('trip.requested: not authorized')
    expect(await post()).toMatchObject([502, { error: { message: 'trip.requested: not authorized' } }])
  })

  it('needs the token where there is one; without one, only this machine may send', async () => {
    const closed = await redriving({ token: 'secret-token' })
    expect(await closed.post()).toEqual(refused(401, 'UNAUTHORIZED'))
    expect(await closed.post(BEARER, '10.0.0.7')).toMatchObject([200, { result: 'redriven' }])
    const open = await redriving()
    expect(await open.post({}, '10.0.0.7')).toEqual(refused(403, 'TOKEN_NEEDED'))
    expect(await open.post({}, '::ffff:127.0.0.1')).toMatchObject([200, { result: 'redriven' }])
    expect(open.letters.sent).toEqual(['0:7'])
  })

  it('is refused to pages of other origins, with the token too, and to all where the server only reads', async () => {
    const { letters, post } = await redriving({ token: 'secret-token' })
    const host = 'rides.internal:8080'
    const strangers: readonly Record<string, string>[] = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: 'http://rides.internal:9090' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ]
    for (const stranger of strangers) {
      expect(await post({ host, ...BEARER, ...stranger })).toEqual(refused(403, 'ORIGIN_NOT_ALLOWED'))
    }
    expect(letters.sent).toEqual([])
    const own = { origin: `http://${host}`, 'sec-fetch-site': 'same-origin' }
    expect(await post({ host, ...BEARER, ...own })).toMatchObject([200, { result: 'redriven' }])
    const readOnly = await redriving({ readOnly: true })
    expect(await readOnly.post()).toEqual(refused(403, 'READ_ONLY'))
    expect(await readOnly.shown()).toMatchObject({ mayRedrive: false })
    expect(readOnly.letters.sent).toEqual([])
  })
})

describe('the event stream', () => {
  const row = (status: string) => ({ status })

  it('sends all sections, and sends them again when the instance changes', async () => {
    const instance = new InMemoryInstance({
      'trip-state': new Map(['a', 'b', 'c'].map((key) => [key, row(key === 'a' ? 'started' : 'completed')])),
      'driver-cells': new Map([['d', { cell: '892a100d2d7ffff', status: 'available' }]]),
      'hourly-revenue': new Map([['2019-03-01T10:00:00Z', { hour: '2019-03-01T10:00:00Z', revenue: 12.5, trips: 1 }]]),
    })
    const { url } = await served(instance)
    const stream = await connect(url)
    expect(stream.headers['content-type']).toBe('text/event-stream')
    const trips = { requested: 0, accepted: 0, started: 1, cancelled: 0, completed: 2 }
    expect(await section(stream, 'trips', isWhole)).toMatchObject({
      data: { value: trips, rows: 3 },
      problem: null,
    })
    expect(await section(stream, 'cells', isWhole)).toMatchObject({
      data: { value: { resolution: 9, cells: [['892a100d2d7ffff', 1, 0, 0, 0]] } },
    })
    expect(await section(stream, 'revenue')).toMatchObject({ data: { hours: [[1551434400, 12.5, 1]] } })

    instance.stores.get('trip-state')?.set('d', row('cancelled'))
    await section(stream, 'trips', ({ data }) => data?.value.cancelled === 1)
    instance.failure = new StoreUnavailableError('moving')
    expect(await section(stream, 'trips', ({ problem }) => problem !== null)).toMatchObject({
      data: { rows: 4 },
      problem: 'stores are being restored or moved',
    })
  })

  it('refuses a viewer above the limit, and ends when the server stops', async () => {
    const { url, close } = await served(new InMemoryInstance())
    const streams = await Promise.all(Array.from({ length: MOST_VIEWERS }, () => connect(url)))
    expect(streams.map(({ statusCode }) => statusCode)).toEqual(streams.map(() => 200))
    const refused = await connect(url)
    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([503, expect.any(String)])
    const ends = streams.map((stream) => once(stream.resume(), 'end'))
    await close()
    await Promise.all(ends)
  })
})

describe('over several instances', () => {
  const TOKEN = 'secret-token'
  const rows = new Map(
    Array.from({ length: 300 }, (_, i): [string, unknown] => [`t-${i}`, { status: i % 2 ? 'started' : 'completed' }]),
  )

  /** Two instances with the same rows in mind, of which each has its partitions; `endpoint` of the second may be a lie. */
  async function pair(endpointOfSecond?: string | null) {
    const instances = [0, 1].map(
      () => new InMemoryInstance({ 'trip-state': rows, 'driver-cells': new Map(), 'hourly-revenue': new Map() }),
    )
    const servers: HttpServer[] = []
    for (const instance of instances) servers.push(await served(instance, TOKEN))
    for (const [own, instance] of instances.entries()) {
      const host = (index: number): TaskHost => {
        const real = new URL(servers[index]?.url ?? '').host
        const endpoint = index === 1 && endpointOfSecond !== undefined ? endpointOfSecond : real
        return { processId: `p${index}`, endpoint, isLocal: index === own }
      }
      instance.places = [0, 1, 1].map((index, partition) => ({ partition, active: host(index), standbys: [] }))
      instance.taskList = [{ taskId: `0_${own}`, state: 'running', thread: 0, partitions: [], restore: [] }]
    }
    return { stream: await connect(servers[0]?.url ?? '', { authorization: `Bearer ${TOKEN}` }), instances }
  }

  it('each instance counts its own rows, and the page shows the sums and the owner of each task', async () => {
    const { stream, instances } = await pair()
    expect(await section(stream, 'trips', isWhole)).toMatchObject({
      data: { value: { started: 150, completed: 150 }, rows: 300 },
    })
    const { data } = await section(stream, 'tasks', ({ data }) => data?.every(({ tasks }) => tasks.length > 0) === true)
    expect(data?.map(({ tasks }) => tasks.map(({ taskId }) => taskId))).toEqual([['0_0'], ['0_1']])
    expect(instances[0]?.scans.every(({ partitions }) => String(partitions) === '0')).toBe(true)
  })

  it.each([
    ['cannot be asked', null, /has no APPLICATION_SERVER/],
    ['does not answer', '127.0.0.1:9', /127\.0\.0\.1:9 did not answer/],
  ])("the page says so when one %s, and shows no sum without that instance's part", async (_case, endpoint, words) => {
    const { stream } = await pair(endpoint)
    const trips = await section(stream, 'trips')
    expect(trips).toMatchObject({ data: null, problem: expect.stringMatching(words) })
    const { data } = await section(stream, 'tasks')
    expect(data).toMatchObject([{ problem: null }, { tasks: [], problem: expect.stringMatching(words) }])
  })
})
