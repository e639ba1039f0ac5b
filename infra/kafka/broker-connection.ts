import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { deferred } from '../../state/deferred.ts'
import { type BrokerAddress, type KafkaConnectionConfig, nameOf } from './kafka-config.ts'
import { BROKER_REQUIRES_TLS, MessageFramer } from './message-framer.ts'
import { Reader, type Writer } from './protocol.ts'
import { answerOf, KafkaConnectionError, KafkaRefusedError, messageOf } from './protocol-error.ts'

type Parse = (correlationId: number, apiKey: number, apiVersion: number, reader: Reader) => unknown
type Callback = (error: Error | null, answer?: unknown) => void

interface Waiting {
  readonly apiKey: number
  readonly apiVersion: number
  readonly parse: Parse
  readonly hasTags: boolean
  readonly callback: Callback
  readonly timer: NodeJS.Timeout
}

const CONNECT_TIMEOUT_MS = 5000
const READ_BUFFER_BYTES = 256 * 1024
/** Smaller buffers are copied together: a system call's vector of many little pieces costs more than the copy. */
const SMALL_BYTES = 1024
const LARGEST_INT32 = 0x7fffffff

/*
 * One socket to a broker with any number of requests on their way. Has the send() that the library's codecs
 * ask for; why not the library's own connection: docs/decisions/own-kafka-client.md.
 * 1. Every callback given to send() is called exactly once: with the answer, or with why there is none.
 * 2. A request that times out ends the connection: answers come in order, so whatever follows would wait behind it.
 * 3. Bytes to be sent are not copied; they belong to the request until its callback is called.
 * 4. Answers come in the order of the requests and are wholly understood. Of one that is not, nothing is believed: the connection ends,
 *    and its requests fail as if there had been no answer.
 */
export class BrokerConnection {
  readonly #socket: Socket
  readonly #broker: string
  readonly #clientId: Buffer
  readonly #requestTimeoutMs: number
  readonly #onEnd: () => void
  readonly #waiting = new Map<number, Waiting>()
  readonly #framer = new MessageFramer((message) => this.#receive(message))
  readonly #closed = deferred<void>()
  #correlationId = 0
  #failure: Error | null = null
  #isRetired = false
  #retirement: NodeJS.Timeout | undefined

  /**
   * Connects, over TLS when the config says so. `onEnd` is called when the connection is not to be given to anybody any
   * more: it broke, was closed or is retired.
   * @throws KafkaConnectionError, whose cause is what TLS says about certificates
   */
  static async open(
    config: KafkaConnectionConfig,
    address: BrokerAddress,
    requestTimeoutMs: number,
    onEnd: () => void,
  ): Promise<BrokerConnection> {
    const connection = new BrokerConnection(config, address, requestTimeoutMs, onEnd)
    await connection.#connected(config, address)
    return connection
  }

  private constructor(
    config: KafkaConnectionConfig,
    { host, port }: BrokerAddress,
    requestTimeoutMs: number,
    onEnd: () => void,
  ) {
    this.#onEnd = onEnd
    this.#broker = nameOf({ host, port })
    const clientId = Buffer.from(config.clientId)
    this.#clientId = Buffer.alloc(2 + clientId.length)
    this.#clientId.writeInt16BE(clientId.length)
    clientId.copy(this.#clientId, 2)
    this.#requestTimeoutMs = requestTimeoutMs
    const options = {
      host,
      port,
      noDelay: true,
      keepAlive: true,
      onread: {
        buffer: Buffer.allocUnsafeSlow(READ_BUFFER_BYTES),
        callback: (length: number, bytes: Uint8Array): boolean => this.#read(length, bytes),
      },
    }
    const { servername, ...tls } = config.tls === true || !config.tls ? {} : config.tls
    this.#socket = config.tls
      ? // biome-ignore lint/suspicious/noExplicitAny: the types of node:tls do not know onread, its documentation does
        connectTls({ ...options, ...tls, ...(servername === undefined ? {} : { servername }) } as any)
      : connectTcp(options)
  }

  /** The codecs of @platformatic/kafka call this. */
  send(
    apiKey: number,
    apiVersion: number,
    createPayload: () => Writer,
    parse: Parse,
    hasRequestTags: boolean,
    hasResponseTags: boolean,
    callback: Callback,
  ): void {
    if (this.#failure !== null) {
      callback(new KafkaConnectionError('the connection is closed', { cause: this.#failure }))
      return
    }
    const correlationId = this.#correlationId
    this.#correlationId = (correlationId + 1) & LARGEST_INT32
    let payload: Writer
    try {
      payload = createPayload()
    } catch (error) {
      callback(error instanceof Error ? error : new Error(messageOf(error)))
      return
    }
    const timer = setTimeout(() => {
      this.#end(
        new KafkaConnectionError(`${this.#broker}: no answer to request ${apiKey} within ${this.#requestTimeoutMs} ms`),
      )
    }, this.#requestTimeoutMs)
    this.#waiting.set(correlationId, { apiKey, apiVersion, parse, hasTags: hasResponseTags, callback, timer })
    this.#write(this.#headerOf(apiKey, apiVersion, correlationId, hasRequestTags, payload.length), payload.buffers)
  }

  /** Retires the connection after so many ms: its owner forgets it, and it ends with the last answer. */
  retireAfter(ms: number): void {
    this.#retirement = setTimeout(
      () => {
        this.#isRetired = true
        this.#onEnd()
        if (this.#waiting.size === 0) this.#end(new KafkaConnectionError('the connection is retired'))
      },
      Math.min(ms, LARGEST_INT32),
    )
    this.#retirement.unref()
  }

  /** Ends the connection; requests in flight fail. Resolves when the socket is closed. */
  close(): Promise<void> {
    this.#end(new KafkaConnectionError('the connection was closed'))
    return this.#closed.promise
  }

  #connected(config: KafkaConnectionConfig, { host, port }: BrokerAddress): Promise<void> {
    const socket = this.#socket
    let isOpen = false
    const closed = (): KafkaConnectionError =>
      new KafkaConnectionError(
        config.tls && !isOpen
          ? 'the broker closed the connection in the TLS handshake: does that port speak TLS?'
          : 'the broker closed the connection',
      )
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        this.#end(error)
        reject(new KafkaConnectionError(`connection to ${host}:${port} failed`, { cause: error }))
      }
      const timer = setTimeout(() => {
        fail(new KafkaConnectionError(`no ${config.tls ? 'TLS ' : ''}connection within ${CONNECT_TIMEOUT_MS} ms`))
      }, CONNECT_TIMEOUT_MS)
      socket.on('error', (error) => {
        clearTimeout(timer)
        fail(!isOpen && (error as NodeJS.ErrnoException).code === 'ECONNRESET' ? closed() : error)
      })
      socket.on('close', () => {
        clearTimeout(timer)
        fail(closed())
        this.#closed.resolve()
        this.#onEnd()
      })
      socket.once(config.tls ? 'secureConnect' : 'connect', () => {
        clearTimeout(timer)
        isOpen = true
        resolve()
      })
    })
  }

  #headerOf(apiKey: number, apiVersion: number, correlationId: number, hasTags: boolean, payload: number): Buffer {
    const size = 12 + this.#clientId.length + (hasTags ? 1 : 0)
    const header = Buffer.allocUnsafe(size)
    header.writeInt32BE(size - 4 + payload, 0)
    header.writeInt16BE(apiKey, 4)
    header.writeInt16BE(apiVersion, 6)
    header.writeInt32BE(correlationId, 8)
    this.#clientId.copy(header, 12)
    if (hasTags) header[size - 1] = 0
    return header
  }

  #write(header: Buffer, payload: readonly Buffer[]): void {
    const socket = this.#socket
    let small: Buffer[] = [header]
    socket.cork()
    for (const bytes of payload) {
      if (bytes.length < SMALL_BYTES) {
        small.push(bytes)
        continue
      }
      if (small.length > 0) socket.write(small.length === 1 ? (small[0] as Buffer) : Buffer.concat(small))
      small = []
      socket.write(bytes)
    }
    if (small.length > 0) socket.write(small.length === 1 ? (small[0] as Buffer) : Buffer.concat(small))
    socket.uncork()
  }

  #read(length: number, bytes: Uint8Array): boolean {
    try {
      this.#framer.push(bytes, length)
    } catch (error) {
      const isTls = messageOf(error) === BROKER_REQUIRES_TLS
      this.#end(isTls ? new KafkaRefusedError(BROKER_REQUIRES_TLS) : this.#malformed('stream', messageOf(error)))
    }
    return true
  }

  #receive(message: Buffer): void {
    const correlationId = message.readInt32BE(0)
    const [oldest] = this.#waiting
    if (oldest?.[0] !== correlationId) {
      throw new KafkaConnectionError(
        `the broker sent answer ${correlationId} where answer ${oldest?.[0] ?? 'none'} was due`,
      )
    }
    const waiting = oldest[1]
    this.#waiting.delete(correlationId)
    clearTimeout(waiting.timer)
    const { apiKey, apiVersion, parse, hasTags, callback } = waiting
    let answer: unknown
    let failure: Error | null = null
    // Headers of answers have had no tags so far, so the tags are one byte.
    const reader = Reader.from(message.subarray(hasTags ? 5 : 4))
    try {
      answer = parse(correlationId, apiKey, apiVersion, reader)
    } catch (error) {
      failure = error instanceof Error ? error : new Error(messageOf(error))
    }
    const problem = malformation(reader, failure)
    if (problem !== null) {
      const malformed = this.#malformed(`answer to request ${apiKey}`, problem)
      callback(malformed)
      this.#end(malformed)
      return
    }
    callback(failure, answer)
    if (this.#isRetired && this.#waiting.size === 0) this.#end(new KafkaConnectionError('the connection is retired'))
  }

  #malformed(what: string, problem: string): KafkaConnectionError {
    return new KafkaConnectionError(`${this.#broker}: malformed ${what}: ${problem}`)
  }

  /** Invariant 1: whatever waits gets the reason. */
  #end(reason: Error): void {
    if (this.#failure !== null) return
    this.#failure = reason
    clearTimeout(this.#retirement)
    this.#socket.destroy()
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { callback, timer } of waiting) {
      clearTimeout(timer)
      callback(
        reason instanceof KafkaRefusedError
          ? reason
          : new KafkaConnectionError('the connection ended', { cause: reason }),
      )
    }
  }
}

/** Names what is wrong with an answer that was read with that outcome (invariant 4); null when it is valid. */
function malformation(reader: Reader, failure: Error | null): string | null {
  // Our own codecs do not use the library's reader, and check the end themselves.
  if (reader.position > 0 && reader.remaining !== 0) return `${reader.remaining} bytes too many`
  // One with error codes is thrown, and `call` takes it from the error; a TypeError is how the library meets a code it does not know.
  return failure === null || answerOf(failure) !== undefined || failure instanceof TypeError ? null : failure.message
}
