import { join } from 'node:path'
import { checkBatches } from '../../infra/kafka/checked-batches.ts'
import * as layout from '../../infra/kafka/record-batch.ts'
import { startJarBroker } from '../../infra/local-kafka/jar-broker.ts'
import type { LocalCluster } from '../../infra/local-kafka/jar-cluster.ts'
import { freePorts } from '../../infra/local-kafka/readiness.ts'
import { API, KafkaProxy, type ProxiedAnswer } from '../support/kafka-proxy.ts'
import { QUICK_JVM } from '../support/quick-jvm.ts'
import { Random } from '../support/random.ts'

/** In this order: bits of record batches, and of what frames an answer. */
const STRIKE = ['batch', 'framing', 'batch'] as const
/** An idle application fetches nothing. */
const STRIKE_LIMIT_MS = 20_000

/*
 * Owns a lone broker and the proxy through which everybody reaches it, and flips bits of what it answers to the instances.
 * 1. Bits are flipped only where the protocol lets anybody see it: in a batch what its checksum covers, the checksum, and length and
 *    version before it; of an answer its length, made shorter, and its id. A committed offset, say, that is another one nobody can tell.
 * 2. The load and the broker, which talks to itself through the proxy, are spared: a broker ends at once when its own answer is damaged.
 */
export class BitFlips {
  readonly cluster: LocalCluster
  readonly #clientId: string
  readonly #proxy: KafkaProxy
  readonly #random: Random

  /** @param clientId of those whose answers are damaged */
  static async start(dataDir: string, seed: number, clientId: string): Promise<BitFlips> {
    const [port = 0, proxyPort = 0] = await freePorts(2)
    const bootstrap = `127.0.0.1:${proxyPort}`
    const proxy = new KafkaProxy(port)
    await proxy.listen(proxyPort)
    const broker = await startJarBroker({
      port,
      dataDir: join(dataDir, 'broker-1'),
      jvmOptions: QUICK_JVM,
      properties: { 'advertised.listeners': `PLAINTEXT://${bootstrap}` },
    })
    const cluster = { bootstrap, brokers: [broker], stop: () => broker.stop() }
    return new BitFlips(cluster, proxy, clientId, new Random(seed ^ 0xb17f11))
  }

  private constructor(cluster: LocalCluster, proxy: KafkaProxy, clientId: string, random: Random) {
    this.cluster = cluster
    this.#clientId = clientId
    this.#proxy = proxy
    this.#random = random
  }

  /** Resolves when all bits of a strike are flipped. */
  async strike(): Promise<void> {
    const left = [...STRIKE]
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#proxy.flip = (answer) => {
      if (answer.clientId !== this.#clientId || left[0] === undefined) return null
      const bit = left[0] === 'batch' ? this.#inBatch(answer) : this.#inFraming(answer)
      if (bit !== null) left.shift()
      if (left.length === 0) resolve()
      return bit
    }
    const limit = setTimeout(resolve, STRIKE_LIMIT_MS)
    await promise
    clearTimeout(limit)
    this.#proxy.flip = () => null
    if (left.length > 0) throw new Error(`${left.join(', ')}: no answer to flip a bit of`)
  }

  async stop(): Promise<void> {
    await this.#proxy.close()
  }

  /** Null when there is no batch in the answer. */
  #inBatch({ apiKey, frame }: ProxiedAnswer): number | null {
    if (apiKey !== API.fetch) return null
    for (let at = 8; at + layout.RECORDS < frame.length; at++) {
      if (frame[at + layout.MAGIC] !== 2) continue
      const end = at + layout.LENGTH_END + frame.readInt32BE(at + layout.BATCH_LENGTH)
      if (end > frame.length || checkBatches(frame.subarray(at, end), 0, Number.MAX_SAFE_INTEGER).end === 0) continue
      const covered = end - at - layout.MAGIC
      const byte = this.#random.below(covered + 4)
      // Length, then version, checksum and what it covers.
      const offset = byte < 4 ? layout.BATCH_LENGTH + byte : layout.MAGIC + byte - 4
      return (at + offset) * 8 + this.#random.below(8)
    }
    return null
  }

  /** A bit that is set in the length, or any of the id. */
  #inFraming({ frame }: ProxiedAnswer): number {
    const bits = Array.from({ length: 64 }, (_, bit) => bit)
    const choice = bits.filter((bit) => bit >= 32 || ((frame[bit >> 3] as number) >> (bit & 7)) % 2 === 1)
    return choice[this.#random.below(choice.length)] as number
  }
}
