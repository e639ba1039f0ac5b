import type { KeptAnswer } from '../../runtime/thread/thread-control.ts'

/** Most characters of all texts and keys that are kept. */
const MAX_CHARACTERS = 16 * 1024 * 1024

/*
 * Owns the answers of one stream thread that still hold, so that asking for a row again costs no message.
 * 1. The thread counts on in shared memory, in the step in which anything it answers may change. An answer is given only while the
 *    count stands where it stood when the thread made it: it is what the thread would say now.
 * 2. All that is kept is of one count, and of bounded size.
 */
export class KeptAnswers {
  readonly #version: Int32Array<SharedArrayBuffer>
  readonly #stores = new Map<string, Map<string, KeptAnswer>>()
  #keptVersion = 0
  #characters = 0

  constructor(version: Int32Array<SharedArrayBuffer>) {
    this.#version = version
  }

  get(store: string, key: string): KeptAnswer | null {
    if (Atomics.load(this.#version, 0) !== this.#keptVersion) return null
    return this.#stores.get(store)?.get(key) ?? null
  }

  /** @param version where the count stood when the thread answered; answers come in the order they were made in */
  keep(store: string, key: string, answer: KeptAnswer, version: number): void {
    const characters = key.length + (answer.result?.length ?? 0)
    if (version !== this.#keptVersion || this.#characters + characters > MAX_CHARACTERS) {
      this.#stores.clear()
      this.#characters = 0
      this.#keptVersion = version
    }
    if (characters > MAX_CHARACTERS) return
    const answers = this.#stores.get(store)
    if (answers === undefined) this.#stores.set(store, new Map([[key, answer]]))
    else answers.set(key, answer)
    this.#characters += characters
  }
}
