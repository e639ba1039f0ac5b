import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { BrokerConnections } from '../../../infra/kafka/broker-connections.ts'

const HOST = '127.0.0.1'
const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** Accepts connections and says nothing. */
async function listen(port = 0): Promise<{ port: number; accepted: () => number }> {
  let accepted = 0
  const server = createServer((socket) => {
    accepted++
    socket.on('error', () => undefined)
  })
  servers.push(server)
  await once(server.listen(port, HOST), 'listening')
  return { port: (server.address() as AddressInfo).port, accepted: () => accepted }
}

it('a broker that refused the last connection is tried after the others, until it accepts one', async () => {
  const gone = await listen()
  await new Promise((resolve) => servers.pop()?.close(resolve))
  const there = await listen()
  const first = { host: HOST, port: gone.port }
  const second = { host: HOST, port: there.port }
  const connections = new BrokerConnections({ brokers: [`${HOST}:${there.port}`], clientId: 'test' }, 1000)
  await connections.any([first, second], 'a')
  const back = await listen(gone.port)
  await connections.any([first, second], 'b')
  await expect.poll(() => [back.accepted(), there.accepted()]).toEqual([0, 2])
  await connections.get(first, 'leader')
  await connections.any([first, second], 'c')
  await expect.poll(() => [back.accepted(), there.accepted()]).toEqual([2, 2])
  await connections.close()
})
