import { type API, Connection } from '@platformatic/kafka'
import { type BrokerAddress, connectionOptions, type KafkaConnectionConfig, parseBroker } from './kafka-config.ts'
import { answerOf, KafkaConnectionError, KafkaResponseError, rootMessage } from './protocol-error.ts'

/*
 * Owns the sockets of one component (reader, writer, admin or membership).
 * 1. At most one living connection per broker and role. A broker answers the requests of one connection one after the
 *    other, so what must not wait behind something slow (a long poll, a join) has a role of its own.
 * 2. A connection that failed is forgotten at once; whoever asks next gets a new one.
 * 3. After close() no connection is made.
 */
export class BrokerConnections {
  readonly #config: KafkaConnectionConfig
  readonly #requestTimeoutMs: number
  readonly #bootstrap: readonly BrokerAddress[]
  readonly #connections = new Map<string, Promise<Connection>>()
  #closed = false

  constructor(config: KafkaConnectionConfig, requestTimeoutMs: number) {
    this.#config = config
    this.#requestTimeoutMs = requestTimeoutMs
    this.#bootstrap = config.brokers.map(parseBroker)
  }

  /** The connection to that broker for that role; made when there is none. Throws the library's network errors. */
  get(address: BrokerAddress, role = '', requestTimeoutMs = this.#requestTimeoutMs): Promise<Connection> {
    const key = `${address.host}:${address.port}/${role}`
    const existing = this.#connections.get(key)
    if (existing) return existing
    const made = this.#connect(key, address, requestTimeoutMs)
    this.#connections.set(key, made)
    made.catch(() => this.#forget(key, made)) // the caller gets the error from `made` itself
    return made
  }

  /** The first of the given and the bootstrap brokers that can be reached. */
  async any(preferred: readonly BrokerAddress[], role = ''): Promise<Connection> {
    let failure: unknown
    for (const address of [...preferred, ...this.#bootstrap]) {
      try {
        return await this.get(address, role)
      } catch (error) {
        failure = error
      }
    }
    throw new KafkaConnectionError(
      `cannot reach any broker of ${this.#config.brokers.join(', ')}: ${rootMessage(failure)}`,
      { cause: failure },
    )
  }

  async close(): Promise<void> {
    this.#closed = true
    const connections = [...this.#connections.values()]
    this.#connections.clear()
    await Promise.all(connections.map(closeQuietly))
  }

  async #connect(key: string, { host, port }: BrokerAddress, requestTimeoutMs: number): Promise<Connection> {
    if (this.#closed) throw new KafkaConnectionError('the client is closed')
    const connection = new Connection(this.#config.clientId, connectionOptions(this.#config, requestTimeoutMs))
    const forget = () => this.#forget(key)
    connection.on('close', forget)
    // Must be listened to always: an unheard 'error' event ends the process. Requests get the error themselves.
    connection.on('error', forget)
    await connection.connect(host, port)
    if (this.#closed) {
      await connection.close()
      throw new KafkaConnectionError('the client is closed')
    }
    return connection
  }

  #forget(key: string, only?: Promise<Connection>): void {
    if (only === undefined || this.#connections.get(key) === only) this.#connections.delete(key)
  }
}

async function closeQuietly(pending: Promise<Connection>): Promise<void> {
  try {
    await (await pending).close()
  } catch {
    // It never came up or is gone already: nothing to close.
  }
}

/** UNKNOWN_SERVER_ERROR */
const UNKNOWN = -1

/**
 * Sends one request and gives the answer, also one that carries error codes (the caller judges them). Throws only
 * when there is no answer.
 */
export async function call<Arguments extends unknown[], Answer>(
  api: API<Arguments, Answer>,
  connection: Connection,
  ...args: Arguments
): Promise<Answer> {
  try {
    return await api.async(connection, ...args)
  } catch (error) {
    // The library's table of error codes ends at 127; an unknown one makes it throw this.
    if (error instanceof TypeError) throw new KafkaResponseError(`answer to request ${api.key}`, UNKNOWN, error.message)
    const answer = answerOf(error)
    if (answer === undefined) throw error
    return answer as Answer
  }
}
