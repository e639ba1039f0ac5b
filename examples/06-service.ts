/*
 * The word count as a web service. Run it twice, with other ports, and each instance has half of the partitions; either
 * answers for every word, because one that does not have the word asks the instance that does.
 *
 *   npm install fastify @fastify/swagger undici
 *   PORT=8081 STATE_DIR=./state-1 node 06-service.ts
 *   PORT=8082 STATE_DIR=./state-2 node 06-service.ts
 *   curl http://localhost:8081/stores/counts/rows/tea
 */
import Fastify from 'fastify'
import { KafkaStreams } from 'ride-streams'
import { serveQueries } from 'ride-streams/serve'
import { topology } from './01-word-count.ts'

export interface ServiceOptions {
  readonly brokers: string
  readonly port: number
  readonly stateDir: string
}

export async function startService({ brokers, port, stateDir }: ServiceOptions) {
  const streams = new KafkaStreams(topology, {
    applicationId: 'word-service',
    applicationServer: `127.0.0.1:${port}`,
    brokers,
    stateDir,
    logLevel: 'error',
  })
  const server = Fastify()
  server.get('/', () => 'How often words were said: GET /stores/counts/rows')

  await serveQueries(streams, { fastify: server })
  await server.listen({ port })
  await streams.start()
  return {
    streams,
    async close() {
      await server.close()
      await streams.close()
    },
  }
}

if (import.meta.main) {
  const { PORT = '8081', STATE_DIR = './state', KAFKA_BROKERS = 'localhost:9092' } = process.env
  const service = await startService({ brokers: KAFKA_BROKERS, port: Number(PORT), stateDir: STATE_DIR })
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void service.close())
}
