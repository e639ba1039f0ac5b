import { Random } from '../../support/random.ts'
import type { Difference } from '../judge.ts'

const EVERY_MS = 30
const ANSWER_MS = 3000
/** An answer while a store restores or moves, or while an instance stops. */
const LATER = 503

export interface RisingStore {
  readonly store: string
  readonly keys: readonly string[]
}

/*
 * Owns a client that asks for counts while faults happen, at any instance that runs.
 * 1. Committed counts only rise: no active answers with less than an active has answered before. A standby may be behind.
 * 2. An instance that does not answer, or says 503, gives no answer. Every other status is a difference.
 */
export class QueryWatch {
  answers = 0
  readonly #urls: () => readonly string[]
  readonly #stores: readonly RisingStore[]
  readonly #random: Random
  readonly #most = new Map<string, number>()
  readonly #differences: Difference[] = []
  readonly #ended: Promise<void>
  #stopped = false

  constructor(urls: () => readonly string[], stores: readonly RisingStore[], seed: number) {
    this.#urls = urls
    this.#stores = stores
    this.#random = new Random(seed ^ 0x9e7)
    this.#ended = this.#run()
  }

  async stop(): Promise<readonly Difference[]> {
    this.#stopped = true
    await this.#ended
    if (this.answers === 0) this.#tell('no instance answered a query')
    return this.#differences
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const urls = this.#urls()
      if (urls.length > 0) await this.#ask(this.#random.pick(urls), this.#random.pick(this.#stores))
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS))
    }
  }

  async #ask(url: string, { store, keys }: RisingStore): Promise<void> {
    const key = this.#random.pick(keys)
    const signal = AbortSignal.timeout(ANSWER_MS)
    const answer = await fetch(`${url}/stores/${store}/rows/${key}`, { signal }).catch(() => null)
    // A process that is killed while it answers ends the text before its end.
    const text = await answer?.text().catch(() => null)
    if (answer === null || text === null || text === undefined || answer.status === LATER) return
    this.answers++
    if (answer.status !== 200 && answer.status !== 404) return this.#tell(`${store}: ${answer.status} ${text}`)
    if (answer.headers.get('x-store-role') === 'standby') return
    const count = answer.status === 404 ? 0 : Number((JSON.parse(text) as { readonly value: unknown }).value)
    const before = this.#most.get(`${store} ${key}`) ?? 0
    if (count < before) {
      const role = answer.headers.get('x-store-role')
      return this.#tell(
        `${store}: ${key} goes back from ${before} to ${count}, says ${role} (${answer.status}) by ${url}`,
      )
    }
    this.#most.set(`${store} ${key}`, count)
  }

  #tell(text: string): void {
    this.#differences.push({ kind: 'wrong', count: 1, text: `${new Date().toISOString()} query ${text}`, cause: null })
  }
}
