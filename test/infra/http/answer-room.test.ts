import { connect, type Socket } from 'node:net'
import { type FastifyInstance, fastify } from 'fastify'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { boundAnswers } from '../../../infra/http/answer-room.ts'
import { ROLE_HEADER } from '../../../infra/http/cluster/query-router.ts'
import { DEFAULT_LIMITS, enforceLimits } from '../../../infra/http/limits.ts'

const LIMITS = {
  ...DEFAULT_LIMITS,
  maxConnections: 20,
  // Longer than a client may take to read: it must not end what waits for that client.
  handlerTimeoutMs: 10_000,
  maxListRows: 100,
  maxUnsentBytes: 1_000_000,
  sendTimeoutMs: 400,
}

let app: FastifyInstance
let url: string
/** The lists that start and the connections that end, in order. */
let happened: string[]
/** Lists that are being made, in the order in which they began; called to end them. */
let making: { readonly name: string; readonly end: (answer: string) => void }[]
let sockets: Socket[]

beforeEach(async () => {
  making = []
  const events: string[] = []
  happened = events
  sockets = []
  app = fastify({ forceCloseConnections: true })
  enforceLimits(app, LIMITS, { boundsConnections: true })
  boundAnswers(app, LIMITS)
  const limit = { type: 'integer' }
  await app.register((scope, _options, done) => {
    scope.get<{ Querystring: { name: string; limit: number } }>(
      '/list',
      { schema: { querystring: { type: 'object', properties: { limit, name: { type: 'string' } } } } },
      ({ query: { name }, raw: { socket } }) => {
        events.push(`${name} starts`)
        socket.on('close', () => events.push(`${name} is gone`))
        return new Promise<string>((end) => making.push({ name, end }))
      },
    )
    scope.get('/health', () => 'well')
    done()
  })
  url = await app.listen({ host: '127.0.0.1', port: 0 })
})

afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  await app.close()
})

function list(name: string, limit: number, init?: RequestInit): Promise<string> {
  return fetch(`${url}/list?name=${name}&limit=${limit}`, init).then(
    async (response) => `${response.status} ${await response.text()}`,
    () => 'gone',
  )
}

const health = async (): Promise<string> => (await fetch(`${url}/health`)).text()
const names = (): string[] => making.map(({ name }) => name)
const end = (name: string, answer = name): void => making.find((one) => one.name === name)?.end(answer)

/** Open connections of the server. */
const open = (): Promise<number> => new Promise((resolve) => app.server.getConnections((_, count) => resolve(count)))

it('lists start in order of arrival while there is room for their rows, and other requests do not wait for them', async () => {
  const answers = [list('a', 60), list('b', 30)]
  await expect.poll(names).toEqual(['a', 'b'])
  const large = list('c', 500)
  await expect.poll(open).toBe(3)
  expect(await health()).toBe('well')
  const gone = new AbortController()
  const leaving = list('d', 1, { signal: gone.signal })
  await expect.poll(open).toBeGreaterThan(3)
  gone.abort()
  expect([await leaving, names()]).toEqual(['gone', ['a', 'b']])
  end('a')
  end('b')
  expect(await Promise.all(answers)).toEqual(['200 a', '200 b'])
  // Alone it may be larger than the room.
  await expect.poll(names).toEqual(['a', 'b', 'c'])
  // Another instance needs its share: a list there may wait for it.
  const share = list('e', 50, { headers: { [ROLE_HEADER]: 'active' } })
  await expect.poll(names).toEqual(['a', 'b', 'c', 'e'])
  end('e')
  end('c')
  expect(await Promise.all([share, large])).toEqual(['200 e', '200 c'])
})

it('no list starts while clients leave too many bytes unread, and those clients lose their connections', async () => {
  const { port } = new URL(url)
  const idler = connect({ host: '127.0.0.1', port: Number(port) })
  sockets.push(idler)
  idler.pause().write('GET /list?name=slow&limit=10 HTTP/1.1\r\nhost: x\r\n\r\n')
  await expect.poll(names).toEqual(['slow'])
  end('slow', 'x'.repeat(20_000_000))
  const next = list('next', 10)
  expect(await health()).toBe('well')
  await expect.poll(names).toEqual(['slow', 'next'])
  expect(happened).toEqual(['slow starts', 'slow is gone', 'next starts'])
  end('next')
  expect(await next).toBe('200 next')
})

it('idle connections do not block other clients', async () => {
  const { port } = new URL(url)
  const waiting = list('a', 10)
  await expect.poll(names).toEqual(['a'])
  let ended = 0
  for (let i = 0; i < 3 * LIMITS.maxConnections; i++) {
    const socket = connect({ host: '127.0.0.1', port: Number(port) })
    sockets.push(socket)
    socket.on('close', () => ended++).on('error', () => undefined)
  }
  expect(await health()).toBe('well')
  await expect.poll(() => ended).toBeGreaterThanOrEqual(2 * LIMITS.maxConnections)
  expect(await open()).toBeLessThanOrEqual(LIMITS.maxConnections)
  end('a')
  expect(await waiting).toBe('200 a')
})
