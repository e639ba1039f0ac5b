import { connect, type Socket } from 'node:net'
import { fastify } from 'fastify'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type EventStream, Subscribers } from '../../../infra/http/events/event-stream.ts'
import { LiveState } from '../../../infra/http/events/live-state.ts'

const app = () => fastify()
let server: ReturnType<typeof app>
let opened: EventStream[]
let reasons: string[]
let sockets: Socket[]

beforeEach(async () => {
  server = app()
  opened = []
  reasons = []
  sockets = []
  server.get<{ Params: { heartbeatMs: string } }>('/:heartbeatMs', (request, reply) => {
    const subscribers = new Subscribers({ limit: 10, heartbeatMs: Number(request.params.heartbeatMs) })
    opened.push(subscribers.open(request, reply, { headers: {}, onClosed: (reason) => reasons.push(reason) }))
  })
  await server.listen({ host: '127.0.0.1', port: 0 })
})

afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  await server.close()
})

/** A client that has sent a request and reads only when the test lets it. */
async function client(heartbeatMs = 20): Promise<{ socket: Socket; stream: EventStream }> {
  const { port } = server.server.address() as { port: number }
  const socket = connect({ host: '127.0.0.1', port })
  sockets.push(socket)
  socket.on('error', () => undefined) // dropped by the server
  socket.pause()
  socket.write(`GET /${heartbeatMs} HTTP/1.1\r\nHost: x\r\n\r\n`)
  const before = opened.length
  while (opened.length === before) await new Promise((resolve) => setImmediate(resolve))
  return { socket, stream: opened[before] as EventStream }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}

it('a client that does not read is dropped as slow, with much or little data waiting', async () => {
  const { stream } = await client()
  // More than any socket buffer takes.
  for (let sent = 0; reasons.length === 0 && sent < 1000; sent++) stream.write(`: ${'x'.repeat(100_000)}\n\n`)
  expect(reasons).toEqual(['slow'])
  const { stream: other } = await client()
  // The stream stays blocked below the limit, and the heartbeats notice.
  while (!other.isBlocked) {
    other.write(`: ${'x'.repeat(10_000)}\n\n`)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await until(() => reasons.length === 2)
  expect(reasons).toEqual(['slow', 'slow'])
})

it('a client that reads slowly gets the latest state without those in between', async () => {
  const { socket, stream } = await client(60_000)
  const live = new LiveState(stream, 'state')
  let sent = 0
  while (!stream.isBlocked) {
    live.set(JSON.stringify({ sent: sent++, filler: 'x'.repeat(50_000) }))
    await new Promise((resolve) => setImmediate(resolve))
  }
  const overtaken = sent
  live.set('{"sent":"overtaken"}')
  live.set('{"sent":"last"}')
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk.toString()
  })
  socket.resume()
  await until(() => text.includes('"last"'))
  expect(text).not.toContain('"overtaken"')
  expect(text).toContain(`"sent":${overtaken - 1}`)
  expect(reasons).toEqual([])
  socket.destroy()
  await until(() => reasons.length > 0)
  expect(reasons).toEqual(['client'])
})

it('heartbeats come while there is no change', async () => {
  const { socket } = await client()
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk.toString()
  })
  socket.resume()
  await until(() => text.split(': still here').length > 3)
  expect(text).toContain('content-type: text/event-stream')
  opened[0]?.end('shutdown')
  await until(() => text.includes('data: {"reason":"shutdown"}'))
  expect(reasons).toEqual(['shutdown'])
})
