import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http'
import { Agent, get as httpsGet } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { rideHttp } from '../../../app/http/ride-http.ts'
import type { RideViews } from '../../../app/http/ride-views.ts'
import { type HttpOptions, type HttpServer, startHttp } from '../../../infra/http/server.ts'
import { addressIn, announce } from '../../../infra/streams/announced-address.ts'
import { InMemoryInstance } from '../../support/in-memory-instance.ts'
import { loggedLines } from '../../support/log-lines.ts'

const TOKEN = 'correct-horse'
const TRIP = '/trips/t-1'
const view = (_key: string, stored: unknown): unknown => stored
const views = {
  trips: { store: 'trip-state', view },
  drivers: { store: 'driver-cells', view },
  revenue: { store: 'hourly-revenue', view },
} as RideViews

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

/** An instance with a trip of its own name; `owner`: who runs the task of all keys, null = itself. */
async function start(name: string, owner: string | null, options: Partial<HttpOptions> = {}): Promise<HttpServer> {
  const instance = new InMemoryInstance({ 'trip-state': new Map([['t-1', { tripId: 't-1', from: name }]]) })
  const host = { processId: 'p', endpoint: owner, isLocal: owner === null }
  instance.places = [{ partition: 0, active: host, standbys: [] }]
  const { logger } = loggedLines()
  const application = rideHttp({ views, h3Resolution: 9, driverTtlMs: 300_000 })
  const http = await startHttp({ instance, application, token: TOKEN, logger, ...options }, '127.0.0.1', 0)
  closers.push(() => http.close())
  return http
}

/** Something that is no instance of ours, and what it was sent. */
async function listen(
  answer: (request: IncomingMessage) => Promise<{ status: number; headers: Record<string, string>; body: string }>,
): Promise<{ endpoint: string; heard: IncomingMessage[] }> {
  const heard: IncomingMessage[] = []
  const server: Server = createServer((request, response) => {
    heard.push(request)
    void answer(request).then(({ status, headers, body }) => response.writeHead(status, headers).end(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => server.close())
  return { endpoint: `127.0.0.1:${(server.address() as AddressInfo).port}`, heard }
}

async function ask(http: HttpServer, headers: Record<string, string> = {}) {
  const response = await fetch(`${http.url}${TRIP}`, { headers: { authorization: `Bearer ${TOKEN}`, ...headers } })
  return { status: response.status, body: (await response.json()) as { from?: string; error?: { code: string } } }
}

it('a foreign listener gets no token, and its answer is not passed on', async () => {
  const forged = {
    status: 200,
    headers: { 'x-store-lag': '0', 'x-instance-answer': 'f'.repeat(64) },
    body: '{"from":"forged"}',
  }
  const { endpoint, heard } = await listen(async () => forged)
  const { status, body } = await ask(await start('a', endpoint))
  expect([status, body.error?.code]).toEqual([503, 'STORE_UNAVAILABLE'])
  expect(heard.map(({ url }) => url)).toEqual([TRIP])
  expect(JSON.stringify(heard.map(({ rawHeaders }) => rawHeaders))).not.toContain(TOKEN)
})

it('an instance refuses a request that a foreign listener passes on', async () => {
  const owner = await start('b', null)
  const relayed: number[] = []
  const { endpoint } = await listen(
    (request) =>
      new Promise((resolve) => {
        const onward = httpRequest(`${owner.url}${request.url}`, { headers: request.headers }, (answer) => {
          relayed.push(answer.statusCode ?? 0)
          let body = ''
          answer.on('data', (part: Buffer) => {
            body += part.toString()
          })
          answer.on('end', () => {
            resolve({ status: answer.statusCode ?? 0, headers: answer.headers as Record<string, string>, body })
          })
        })
        onward.end()
      }),
  )
  const { status } = await ask(await start('a', endpoint))
  expect([status, relayed]).toEqual([503, [401]])
})

it('an instance of another application, or with another token, is not asked for answers', async () => {
  const other = await start('b', null, { applicationId: 'other' })
  const { status } = await ask(await start('a', new URL(other.url).host, { applicationId: 'ours' }))
  expect(status).toBe(503)
  const { status: second } = await ask(await start('a', new URL(other.url).host, { applicationId: 'other' }))
  expect(second).toBe(200)
})

it('an instance trusts an address only when its process has announced it with the token', () => {
  const config = { applicationId: 'rides', applicationServer: { host: '10.0.0.7', port: 8080 }, httpToken: TOKEN }
  const announced = announce(config, 'process-1') ?? ''
  expect(announced).not.toContain(TOKEN)
  const read = (processId: string, text: string, change: object = {}) =>
    addressIn({ ...config, ...change }, processId, text)
  expect([
    read('process-1', announced),
    read('process-2', announced),
    read('process-1', announced.replace('10.0.0.7', '10.0.0.8')),
    read('process-1', '10.0.0.7:8080'),
    read('process-1', announced, { httpToken: 'another-token' }),
    read('process-1', announced, { applicationId: 'others' }),
  ]).toEqual(['10.0.0.7:8080', null, null, null, null, null])
})

it('without a token, any syntactically valid address is accepted', () => {
  const config = { applicationId: 'rides', applicationServer: { host: '::1', port: 8080 }, httpToken: null }
  expect(announce(config, 'p')).toBe('[::1]:8080')
  expect(
    ['[::1]:8080', 'host:1', 'host:1/path', 'user@host:1', ''].map((text) => addressIn(config, 'p', text)),
  ).toEqual(['[::1]:8080', 'host:1', null, null, null])
})

it('the server answers only requests addressed to addresses, private names and its own names', async () => {
  const http = await start('a', null, { token: null, allowedHosts: ['Rides.example'] })
  const { hostname, port } = new URL(http.url)
  const statusFor = (host: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const asked = httpRequest({ hostname, port, path: TRIP, headers: { host } }, (answer) => {
        answer.resume()
        resolve(answer.statusCode)
      })
      asked.on('error', reject).end()
    })
  const hosts = [
    'localhost:8080',
    '127.0.0.1',
    '[::1]:8080',
    '10.1.2.3:80',
    'rides.EXAMPLE:8080',
    'rides:8080',
    'host.docker.internal',
    'evil.example',
    'localhost.evil.example:8080',
  ]
  expect(await Promise.all(hosts.map(statusFor))).toEqual([200, 200, 200, 200, 200, 200, 200, 421, 421])
})

it('instances speak TLS to clients and to each other, and verify the certificate', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'ride-tls-'))
  closers.push(() => rmSync(directory, { recursive: true, force: true }))
  const [keyFile, certFile] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  execFileSync('openssl', [...kind, '-keyout', keyFile, '-out', certFile, ...subject], { stdio: 'ignore' })
  const [key, cert] = [readFileSync(keyFile, 'utf8'), readFileSync(certFile, 'utf8')]
  const owner = await start('b', null, { tls: { key, cert, ca: cert } })
  const asker = await start('a', new URL(owner.url).host, { tls: { key, cert, ca: cert } })
  const distrustful = await start('a', new URL(owner.url).host, { tls: { key, cert } })
  const agent = new Agent({ ca: cert })
  const secured = ({ url }: HttpServer): Promise<[number | undefined, string]> =>
    new Promise((resolve, reject) => {
      httpsGet(`${url}${TRIP}`, { agent, headers: { authorization: `Bearer ${TOKEN}` } }, (answer) => {
        let body = ''
        answer.on('data', (part: Buffer) => {
          body += part.toString()
        })
        answer.on('end', () => resolve([answer.statusCode, body]))
      }).on('error', reject)
    })
  expect(asker.url).toMatch(/^https:/)
  expect(await secured(asker)).toEqual([200, '{"tripId":"t-1","from":"b"}'])
  expect((await secured(distrustful))[0]).toBe(503)
})
