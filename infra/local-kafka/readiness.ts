import { connect, createServer, type Server, type Socket } from 'node:net'
import type { LocalKafkaOptions } from './local-kafka.ts'

/** ApiVersions v0: size, api key 18, version 0, correlation id 1, null client id. Every Kafka answers it without login. */
const API_VERSIONS = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff])
const RETRY_MS = 40

/** True once the broker at that address answers a request; false when nobody listens or it does not answer in time. */
export function answers(host: string, port: number, timeoutMs = 2000): Promise<boolean> {
  return new Promise((resolve) => {
    const socket: Socket = connect({ host, port })
    const done = (result: boolean) => {
      socket.destroy()
      resolve(result)
    }
    socket.setTimeout(timeoutMs, () => done(false))
    socket.once('connect', () => socket.write(API_VERSIONS))
    socket.once('data', () => done(true))
    socket.once('error', () => done(false))
    socket.once('close', () => done(false))
  })
}

/** Resolves true when the broker answers, false at the deadline or as soon as `gaveUp` says so. */
export async function waitUntilAnswering(
  host: string,
  port: number,
  timeoutMs: number,
  gaveUp: () => boolean,
): Promise<boolean> {
  const deadline = Date.now() + timeoutMs
  while (!gaveUp() && Date.now() < deadline) {
    if (await answers(host, port)) return true
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
  return false
}

/** Ports nobody listens on at this moment, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listen(0)))
  const ports = servers.map((server) => {
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  })
  await Promise.all(servers.map(close))
  return ports
}

/** Kafka's usual port. */
const USUAL_PORT = 9092

/** The port for a broker: the one that was asked for, else the usual one when it is wanted and free, else `free`. */
export async function choosePort(
  { port, usualPort = false }: Pick<LocalKafkaOptions, 'port' | 'usualPort'>,
  free: number,
): Promise<number> {
  return port ?? (usualPort && (await isFree(USUAL_PORT)) ? USUAL_PORT : free)
}

/** True when nobody listens on that port of 127.0.0.1 at this moment. */
export async function isFree(port: number): Promise<boolean> {
  try {
    await close(await listen(port))
    return true
  } catch {
    // Taken, or not allowed: either way not for us.
    return false
  }
}

function listen(port: number): Promise<Server> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}

const close = (server: Server): Promise<unknown> => new Promise((resolve) => server.close(resolve))
