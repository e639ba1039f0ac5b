import Fastify from 'fastify'
import { KafkaStreams, loadConfig } from 'ride-streams'
import { serveQueries } from 'ride-streams/serve'

/*
 * An instance as a user of the package writes it: the topology in threads, its stores over HTTP, and two routes of its own that add a
 * thread and take it away. Logs its URL.
 */
const settings = loadConfig(process.env)
const streams = new KafkaStreams(new URL('./topology.ts', import.meta.url), { ...settings })
const server = Fastify()
server.post('/threads/add', () => streams.addStreamThread())
server.post('/threads/remove', () => streams.removeStreamThread())
await serveQueries(streams, { fastify: server })
await server.listen({ port: settings.httpPort })
process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${settings.httpPort}` })}\n`)

let isClosing = false
process.once('SIGTERM', async () => {
  isClosing = true
  await server.close()
  await streams.close()
})
try {
  await streams.start()
} catch (error) {
  // A start that is broken off by close() says so.
  if (!isClosing) throw error
}
const failure = await streams.stopped
if (failure !== null) {
  process.stderr.write(`${failure.stack}\n`)
  process.exit(1)
}
