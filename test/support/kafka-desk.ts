import { createServer } from 'node:net'
import { GenericContainer, Wait } from 'testcontainers'
import type { TestProject } from 'vitest/node'
import { containerEnvironment, KAFKA_IMAGE } from '../../infra/local-kafka/docker-broker.ts'
import { freePorts } from '../../infra/local-kafka/readiness.ts'
import { resolveKafka } from '../../infra/local-kafka/resolve.ts'
import { dockerRuns } from '../../infra/local-kafka/tools.ts'

/*
 * Vitest's global setup: one broker per run, in the main process, started when the first test file asks for it
 * (kafkaForTests connects to this desk). A run of unit tests alone starts none.
 */

declare module 'vitest' {
  interface ProvidedContext {
    kafkaDesk: number
  }
}

interface Broker {
  readonly bootstrap: string
  stop(): Promise<void>
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  let broker: Promise<Broker> | null = null
  const desk = createServer((socket) => {
    // A worker that went away needs no answer.
    socket.on('error', () => socket.destroy())
    broker ??= startBroker()
    broker.then(
      ({ bootstrap }) => socket.end(JSON.stringify({ bootstrap })),
      (error: unknown) => socket.end(JSON.stringify({ error: String(error) })),
    )
  })
  const port = await new Promise<number>((resolve) => {
    desk.listen(0, '127.0.0.1', () => {
      const address = desk.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })
  project.provide('kafkaDesk', port)
  return async () => {
    desk.close()
    // A broker that did not start was reported by the tests that wanted it.
    const started = await broker?.catch(() => null)
    await started?.stop()
  }
}

async function startBroker(): Promise<Broker> {
  if (!process.env.KAFKA_BROKERS && (await dockerRuns())) return startContainer()
  const { bootstrap, local } = await resolveKafka(process.env)
  return { bootstrap, stop: async () => local?.stop() }
}

async function startContainer(): Promise<Broker> {
  const [port = 0] = await freePorts(1)
  const container = await new GenericContainer(KAFKA_IMAGE)
    .withEnvironment(containerEnvironment(port))
    .withExposedPorts({ container: 9092, host: port })
    .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
    .start()
  return { bootstrap: `127.0.0.1:${port}`, stop: async () => void (await container.stop()) }
}
