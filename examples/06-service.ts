/*
 * The word count as a web service. Run it twice, with other ports, and each instance has half of the partitions; either
 * answers for every word, because one that does not have the word asks the instance that does.
 *
 *   npm install fastify
 *   PORT=8081 STATE_DIR=./state-1 node 06-service.ts
 *   PORT=8082 STATE_DIR=./state-2 node 06-service.ts
 *   curl http://localhost:8081/counts/tea
 */
import Fastify from 'fastify'
import { KafkaStreams, StoreUnavailableError } from 'ride-streams'
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
    logLevel: 'warn',
  })
  const counts = streams.store<string, { readonly value: number }>('counts')
  const server = Fastify()

  server.get<{ Params: { word: string } }>('/counts/:word', async ({ params: { word } }, reply) => {
    const { active } = counts.queryMetadataForKey(word)
    if (active === null) throw new StoreUnavailableError(`nobody has ${word} at the moment`)
    if (!active.isLocal) {
      const answer = await fetch(`http://${active.endpoint}/counts/${encodeURIComponent(word)}`)
      return reply.code(answer.status).send(await answer.json())
    }
    const { result } = await counts.get(word)
    return { word, count: result?.value ?? 0 }
  })
  // While a store restores or moves, clients try again.
  server.setErrorHandler((error, _request, reply) => {
    const isPassing = error instanceof StoreUnavailableError
    void reply.code(isPassing ? 503 : 500).send({ error: isPassing ? error.message : 'failed' })
  })

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
