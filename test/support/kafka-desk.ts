import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { GenericContainer, Wait } from 'testcontainers'
import type { TestProject } from 'vitest/node'
import { connectKafka } from '../../infra/kafka/kafka.ts'
import { containerEnvironment, KAFKA_IMAGE } from '../../infra/local-kafka/docker-broker.ts'
import type { LocalKafka, LocalKafkaOptions } from '../../infra/local-kafka/local-kafka.ts'
import { DEFAULT_KAFKA_VERSION } from '../../infra/local-kafka/local-kafka.ts'
import { freePorts, isFree } from '../../infra/local-kafka/readiness.ts'
import { resolveKafka, startLocalKafka } from '../../infra/local-kafka/resolve.ts'
import { dockerRuns } from '../../infra/local-kafka/tools.ts'
import { QUICK_JVM } from './quick-jvm.ts'

/*
 * Vitest's global setup: one broker per run, in the main process, started when the first test file asks for it
 * (kafkaForTests connects to this desk). A run of unit tests alone starts none. Other brokers are lent to one file at a time: the
 * connection is the loan, and the broker comes back when it ends.
 */

declare module 'vitest' {
  interface ProvidedContext {
    kafkaDesk: number
  }
}

const OPTIONS: LocalKafkaOptions = {
  jvmOptions: QUICK_JVM,
  properties: {
    // Brokers look at once for transactions that have timed out (every 10 s by default), and for what may be deleted (15 s).
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500',
    'log.cleaner.backoff.ms': '500',
    // They are never killed: a broker that is late on a busy machine (3 s) is not gone, and its partitions keep their leader.
    'broker.session.timeout.ms': '30000',
    // Some of them live as long as the run, and wait most of the time: that costs half as much with fewer heartbeats and marks.
    'broker.heartbeat.interval.ms': '2000',
    'metadata.max.idle.interval.ms': '30000',
  },
}

interface Broker {
  readonly bootstrap: string
  stop(): Promise<void>
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  let broker: Promise<Broker> | null = null
  const lending = new Lending()
  const serve = async (socket: Socket): Promise<void> => {
    const [what] = (await once(socket, 'data')) as [Buffer]
    if (String(what) === 'borrow') return lending.lend(socket)
    broker ??= startBroker()
    const { bootstrap } = await broker
    socket.end(JSON.stringify({ bootstrap }))
  }
  const desk = createServer((socket) => {
    // A worker that went away needs no answer.
    socket.on('error', () => socket.destroy())
    serve(socket).catch((error: unknown) => socket.end(JSON.stringify({ error: String(error) })))
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
    await lending.stop()
  }
}

/** A broker with a second listener, which announces the address of a proxy that may stand before it. */
interface LentKafka {
  readonly broker: LocalKafka
  readonly proxiedPort: number
  readonly proxyPort: number
}

/** Brokers that one test file has at a time, and finds without topics. They run from jars: tests read their files. */
class Lending {
  readonly #all: LentKafka[] = []
  readonly #idle: LentKafka[] = []

  async lend(socket: Socket): Promise<void> {
    const lent = this.#idle.pop() ?? (await this.#start())
    socket.on('close', () => this.#idle.push(lent))
    const { broker, proxiedPort, proxyPort } = lent
    await removeTopics(broker)
    const { bootstrap, dataDir } = broker
    socket.write(JSON.stringify({ bootstrap, dataDir, proxiedPort, proxyPort }))
  }

  async stop(): Promise<void> {
    await Promise.all(this.#all.map(({ broker }) => broker.stop()))
  }

  async #start(): Promise<LentKafka> {
    const [port = 0, controllerPort = 0, proxiedPort = 0, proxyPort = 0] = await lowPorts(4)
    const [plain, controller, proxied] = [port, controllerPort, proxiedPort].map((one) => `127.0.0.1:${one}`)
    const broker = await startLocalKafka({
      ...OPTIONS,
      kafkaVersion: DEFAULT_KAFKA_VERSION,
      port,
      properties: {
        ...OPTIONS.properties,
        listeners: `PLAINTEXT://${plain},PROXIED://${proxied},CONTROLLER://${controller}`,
        'advertised.listeners': `PLAINTEXT://${plain},PROXIED://127.0.0.1:${proxyPort}`,
        'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT',
        'controller.quorum.voters': `1@${controller}`,
      },
    })
    const lent = { broker, proxiedPort, proxyPort }
    this.#all.push(lent)
    return lent
  }
}

/** Free ports below those that systems give to connections: they are still free when a proxy wants one minutes later. */
async function lowPorts(count: number): Promise<number[]> {
  for (;;) {
    const first = 16_000 + Math.floor(Math.random() * 16_000)
    const ports = Array.from({ length: count }, (_, i) => first + i)
    const free = await Promise.all(ports.map(isFree))
    if (!free.includes(false)) return ports
  }
}

/**
 * Resolves when the broker itself lists none any more. The controller answers a deletion before the broker hears of it: who created
 * topics of the same names at once would find the old ones there, and lose them a moment later.
 */
async function removeTopics({ bootstrap }: LocalKafka): Promise<void> {
  const kafka = connectKafka({ brokers: [bootstrap], clientId: 'test-desk' })
  const admin = kafka.admin()
  const topics = async () => (await admin.listTopics()).filter((topic) => !topic.startsWith('__'))
  const old = await topics()
  if (old.length > 0) await admin.deleteTopics(old)
  while (old.length > 0 && (await topics()).length > 0) await new Promise((resolve) => setTimeout(resolve, 10))
  await kafka.close()
}

async function startBroker(): Promise<Broker> {
  if (!process.env.KAFKA_BROKERS && (await dockerRuns())) return startContainer()
  const { bootstrap, local } = await resolveKafka(process.env, OPTIONS)
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
