import type { BrokerReach } from '../../runtime/ports/instance.ts'
import { BrokerConnections } from './broker-connections.ts'
import { call } from './call.ts'
import { type BrokerAddress, type KafkaConnectionConfig, nameOf, parseBroker } from './kafka-config.ts'
import { metadataV12 } from './protocol.ts'
import { isRefusal, rootMessage } from './protocol-error.ts'

/** Each broker is asked so often, ms. */
const ASK_MS = 1000
const TICK_MS = 500
/** A broker that has not answered for so long is silent, ms. A longer pause of its JVM counts, too. */
const PATIENCE_MS = 3000
/** A broker that the cluster no longer names is forgotten after this time, ms: it may only be down. */
const FORGET_MS = 600_000

interface Watched {
  readonly address: BrokerAddress
  /** Monotonic ms of the last metadata that named it. */
  listedAt: number
  askedAt: number
  /** Monotonic ms of the first question without an answer; null: it has answered the last one. */
  openSince: number | null
  isAsking: boolean
  reason: string | null
}

/*
 * Asks every broker of the cluster again and again whether it is there, over connections of its own.
 * 1. Before the first answer the bootstrap addresses are watched, then the brokers that the cluster names.
 * 2. A refused login is an answer.
 * 3. Time in which this process itself stood still counts against no broker.
 */
export class BrokerWatch {
  readonly #connections: BrokerConnections
  readonly #onChange: (reach: BrokerReach) => void
  readonly #watched = new Map<string, Watched>()
  readonly #timer: NodeJS.Timeout
  #isNamedByCluster = false
  #tickedAt = performance.now()
  #told = ''

  /** @param onChange called when other brokers are silent than before */
  constructor(config: KafkaConnectionConfig, onChange: (reach: BrokerReach) => void) {
    this.#connections = new BrokerConnections(config, PATIENCE_MS)
    this.#onChange = onChange
    for (const address of config.brokers.map(parseBroker)) this.#watch(address, this.#tickedAt)
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    this.#timer.unref()
    this.#ask()
  }

  reach(): BrokerReach {
    const now = performance.now()
    const silent = [...this.#watched].filter(
      ([, { openSince }]) => openSince !== null && now - openSince >= PATIENCE_MS,
    )
    return { known: [...this.#watched.keys()], silent: silent.map(([broker, { reason }]) => ({ broker, reason })) }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#connections.close()
  }

  #watch(address: BrokerAddress, now: number): void {
    const known = this.#watched.get(nameOf(address))
    if (known !== undefined) known.listedAt = now
    else {
      const fresh = { listedAt: now, askedAt: 0, openSince: null, isAsking: false, reason: null }
      this.#watched.set(nameOf(address), { address, ...fresh })
    }
  }

  #tick(): void {
    const now = performance.now()
    const stoodStill = now - this.#tickedAt - TICK_MS
    this.#tickedAt = now
    if (stoodStill > TICK_MS) {
      for (const watched of this.#watched.values()) if (watched.openSince !== null) watched.openSince += stoodStill
    }
    this.#ask()
    const reach = this.reach()
    const silent = reach.silent.map(({ broker }) => broker).join()
    if (silent === this.#told) return
    this.#told = silent
    this.#onChange(reach)
  }

  #ask(): void {
    const now = performance.now()
    for (const watched of this.#watched.values()) {
      if (watched.isAsking || now - watched.askedAt < ASK_MS) continue
      watched.isAsking = true
      watched.askedAt = now
      watched.openSince ??= now
      void this.#askOne(watched)
    }
  }

  async #askOne(watched: Watched): Promise<void> {
    try {
      const connection = await this.#connections.get(watched.address)
      const { brokers } = await call(metadataV12.api, connection, [], false, false)
      watched.openSince = null
      watched.reason = null
      this.#note(brokers)
    } catch (error) {
      if (isRefusal(error)) watched.openSince = null
      else watched.reason = rootMessage(error)
    } finally {
      watched.isAsking = false
    }
  }

  #note(brokers: readonly BrokerAddress[]): void {
    // A broker that starts may not know any yet.
    if (brokers.length === 0) return
    const now = performance.now()
    const isFirst = !this.#isNamedByCluster
    this.#isNamedByCluster = true
    for (const { host, port } of brokers) this.#watch({ host, port }, now)
    for (const [name, { listedAt, openSince }] of this.#watched) {
      const isGone = openSince === null ? listedAt < now : now - listedAt > FORGET_MS
      if (isFirst ? listedAt < now : isGone) this.#watched.delete(name)
    }
  }
}
