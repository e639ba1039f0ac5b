import { type Config, kafkaConnection } from '../infra/config/index.ts'
import { connectKafka, type KafkaAdmin, type KafkaCluster } from '../infra/kafka/index.ts'
import { visibleText } from '../infra/terminal/index.ts'
import type { LogReader, LogWriter } from '../runtime/index.ts'

export interface LogClients {
  readonly admin: KafkaAdmin
  /** Committed records only. */
  readonly reader: () => LogReader
  /** Transactional, or plain without an id; connects when it is initialised. */
  readonly writer: (transactionalId: string | null) => LogWriter
}

/** A person waits: no longer than this for a cluster that does not answer. */
const PATIENCE_MS = 10_000

/** Runs `work` with clients of the configured cluster; all are closed afterwards. */
export async function withKafka<T>(
  config: Config,
  work: (clients: LogClients) => Promise<T>,
  timeoutMs = PATIENCE_MS,
): Promise<T> {
  const kafka = connectKafka(kafkaConnection(config))
  saySilence(kafka)
  const { replicationFactor, compression } = config
  const clients: LogClients = {
    admin: kafka.admin({ replicationFactor, timeoutMs }),
    reader: () => kafka.reader({}),
    writer: (transactionalId) => kafka.writer({ transactionalId, compression }),
  }
  return work(clients).finally(() => kafka.close())
}

/** Says on stderr which brokers do not answer, so that a command which waits for them says what it waits for. */
export function saySilence(kafka: KafkaCluster): void {
  kafka.watch(({ silent }) => {
    const brokers = silent.map(({ broker, reason }) => (reason === null ? broker : `${broker} (${reason})`)).join(', ')
    const line = brokers === '' ? 'all brokers answer again' : `waiting for brokers that do not answer: ${brokers}`
    process.stderr.write(`${visibleText(line)}\n`)
  })
}
