import { BrokerConnection } from './broker-connection.ts'
import { type BrokerAddress, type KafkaConnectionConfig, nameOf, parseBroker } from './kafka-config.ts'
import { KafkaConnectionError, rootMessage } from './protocol-error.ts'
import { saslLogin } from './sasl-login.ts'

/** Part of a SASL session's life after which its connection is no longer given out. */
const SESSION_SHARE = 0.8

/*
 * Owns the sockets of one component (reader, writer, admin or membership).
 * 1. At most one living connection per broker and role. A broker answers the requests of one connection one after the
 *    other, so what must not wait behind something slow (a long poll, a join) has a role of its own.
 * 2. A connection that failed is forgotten at once; the next caller gets a new one.
 * 3. After close() no connection is made.
 * 4. Whoever did not take the last connection is asked last: one that has vanished costs each caller the whole time to connect.
 */
export class BrokerConnections {
  readonly #config: KafkaConnectionConfig
  readonly #requestTimeoutMs: number
  readonly #bootstrap: readonly BrokerAddress[]
  readonly #connections = new Map<string, Promise<BrokerConnection>>()
  readonly #unreachable = new Set<string>()
  #closed = false

  constructor(config: KafkaConnectionConfig, requestTimeoutMs: number) {
    this.#config = config
    this.#requestTimeoutMs = requestTimeoutMs
    this.#bootstrap = config.brokers.map(parseBroker)
  }

  /** The connection to that broker for that role, opened when there is none. Throws what BrokerConnection.open throws. */
  get(address: BrokerAddress, role = '', requestTimeoutMs = this.#requestTimeoutMs): Promise<BrokerConnection> {
    const key = `${nameOf(address)}/${role}`
    const existing = this.#connections.get(key)
    if (existing) return existing
    const made = this.#connect(key, address, requestTimeoutMs)
    this.#connections.set(key, made)
    made.catch(() => this.#forget(key, made)) // the caller gets the error from `made` itself
    return made
  }

  /** The first of the given and the bootstrap brokers that can be reached. */
  async any(preferred: readonly BrokerAddress[], role = ''): Promise<BrokerConnection> {
    let failure: unknown
    const isUnreachable = (address: BrokerAddress): number => Number(this.#unreachable.has(nameOf(address)))
    for (const address of [...preferred, ...this.#bootstrap].sort((a, b) => isUnreachable(a) - isUnreachable(b))) {
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

  async #connect(key: string, address: BrokerAddress, requestTimeoutMs: number): Promise<BrokerConnection> {
    if (this.#closed) throw new KafkaConnectionError('the client is closed')
    const connection = await this.#open(key, address, requestTimeoutMs)
    await this.#login(connection)
    if (this.#closed) {
      await connection.close()
      throw new KafkaConnectionError('the client is closed')
    }
    return connection
  }

  async #open(key: string, address: BrokerAddress, requestTimeoutMs: number): Promise<BrokerConnection> {
    try {
      const connection = await BrokerConnection.open(this.#config, address, requestTimeoutMs, () => this.#forget(key))
      this.#unreachable.delete(nameOf(address))
      return connection
    } catch (error) {
      this.#unreachable.add(nameOf(address))
      throw error
    }
  }

  async #login(connection: BrokerConnection): Promise<void> {
    if (!this.#config.sasl) return
    try {
      const lifetimeMs = await saslLogin(connection, this.#config.sasl)
      // A new connection logs in again, which is simpler than a login among the requests of an open one.
      if (lifetimeMs > 0) connection.retireAfter(lifetimeMs * SESSION_SHARE)
    } catch (error) {
      await connection.close()
      throw error
    }
  }

  #forget(key: string, only?: Promise<BrokerConnection>): void {
    if (only === undefined || this.#connections.get(key) === only) this.#connections.delete(key)
  }
}

async function closeQuietly(pending: Promise<BrokerConnection>): Promise<void> {
  try {
    await (await pending).close()
  } catch {
    // The connection never opened or is closed already.
  }
}
