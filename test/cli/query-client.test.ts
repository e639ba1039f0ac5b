import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { runInProcess } from '../support/run-in-process.ts'

/*
 * `query` against a server that answers what the test says: pages, 503, and what is no instance at all.
 */

let server: Server | undefined
let asked: string[] = []

afterEach(() => {
  server?.close()
  asked = []
})

async function serve(answer: (path: string, response: ServerResponse) => void): Promise<Record<string, string>> {
  server = createServer((request, response) => {
    asked.push(request.url ?? '')
    answer(request.url ?? '', response)
  })
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
  return { HTTP_PORT: String((server.address() as AddressInfo).port) }
}

const unavailable = (response: ServerResponse, retryAfter: string): void => {
  response.writeHead(503, { 'retry-after': retryAfter })
  response.end('{"error":{"code":"STORE_UNAVAILABLE","message":"trip-state restores"}}')
}

it('query cell reads all pages', async () => {
  const driver = (driverId: string) => ({
    driverId,
    cell: '892a100d2c3ffff',
    lat: 1.5,
    lng: 2,
    status: null,
    at: 'now',
  })
  const env = await serve((path, response) => {
    const first = !path.includes('cursor=')
    response.end(JSON.stringify({ rows: [driver(first ? 'd-1' : 'd-2')], nextCursor: first ? 'c 1' : null }))
  })
  const { code, stdout } = await runInProcess(['query', 'cell', '872a100d2ffffff', '--json'], env)
  expect([code, JSON.parse(stdout)]).toEqual([0, { rows: [driver('d-1'), driver('d-2')], nextCursor: null }])
  expect(asked).toEqual(['/cells/872a100d2ffffff?limit=1000', '/cells/872a100d2ffffff?limit=1000&cursor=c+1'])
  const table = await runInProcess(['query', 'cell', '872a100d2ffffff'], env)
  expect(table.stdout).toMatch(/^DRIVERID +CELL +STATUS +AT +LAT +LNG\nd-1 +892a100d2c3ffff +- +now +1\.5 +2\nd-2 /)
})

it('query repeats a question after 503 as Retry-After says', async () => {
  const env = await serve((_path, response) => {
    if (asked.length < 3) unavailable(response, '0')
    else response.end('{"tripId":"t/1"}')
  })
  const { code, stdout } = await runInProcess(['query', 'trip', 't/1', '--json'], env)
  expect([code, stdout]).toEqual([0, '{\n  "tripId": "t/1"\n}\n'])
  expect(asked).toEqual(['/trips/t%2F1', '/trips/t%2F1', '/trips/t%2F1'])
})

it('query ends with exit code 1 when 503 lasts longer than --wait', async () => {
  const env = await serve((_path, response) => unavailable(response, '2'))
  const { code, stderr } = await runInProcess(['query', 'trip', 't', '--wait', '1'], env)
  expect([code, stderr]).toEqual([
    1,
    `ride-streams: http://127.0.0.1:${env.HTTP_PORT} answered with status 503: trip-state restores\n`,
  ])
  expect(asked).toHaveLength(1)
})

it('query keeps amounts exact to the cent beyond the precision of a double', async () => {
  const rows = '{"rows":[{"hour":"h","revenue":90071992547409930.27,"trips":3}],"nextCursor":null}'
  const env = await serve((_path, response) => response.end(rows))
  expect((await runInProcess(['query', 'revenue', '--json'], env)).stdout).toContain('"revenue": 90071992547409930.27,')
  expect((await runInProcess(['query', 'revenue'], env)).stdout).toMatch(/^h +90071992547409930\.27 +3$/m)
})

it('query prints one line with exit code 1 when no server answers, or a server that is not an instance', async () => {
  const env = await serve((_path, response) => response.end('<html>'))
  const html = await runInProcess(['query', 'trip', 't'], env)
  expect([html.code, html.stderr]).toEqual([
    1,
    expect.stringMatching(/^ride-streams: .* its answer is not JSON[^\n]*\n$/),
  ])
  const nobody = await runInProcess(['query', 'trip', 't', '--url', 'http://127.0.0.1:1'])
  expect([nobody.code, nobody.stderr]).toEqual([
    1,
    expect.stringMatching(/^ride-streams: cannot get an answer from http:\/\/127\.0\.0\.1:1: [^\n]+\n$/),
  ])
})
