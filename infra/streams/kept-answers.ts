import type { KeptAnswer, StoreAnswer, TasksAnswer } from '../../runtime/thread/thread-control.ts'

/** Most characters of all texts and keys that are kept. */
const MAX_CHARACTERS = 16 * 1024 * 1024

/*
 * Owns the answers of one stream thread that still hold, so that asking for a row or a list again costs no message.
 * 1. The thread counts on in shared memory, in the step in which anything it answers may change. An answer is given only while the
 *    count stands where it stood when the thread made it: it is what the thread would say now.
 * 2. All that is kept is of one count, and of bounded size.
 */
export class KeptAnswers {
  readonly #version: Int32Array<SharedArrayBuffer>
  readonly #stores = new Map<string, Map<string, KeptAnswer>>()
  readonly #lists = new Map<string, TasksAnswer<StoreAnswer>>()
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
    if (!this.#makeRoom(key.length + (answer.result?.length ?? 0), version)) return
    const answers = this.#stores.get(store)
    if (answers === undefined) this.#stores.set(store, new Map([[key, answer]]))
    else answers.set(key, answer)
  }

  /** The answer of an index. */
  list(question: string): TasksAnswer<StoreAnswer> | null {
    if (Atomics.load(this.#version, 0) !== this.#keptVersion) return null
    return this.#lists.get(question) ?? null
  }

  /**
   * Keeps the answer of an index if it is made of texts, whose size is known.
   * @param version where the count stood before the thread began to read
   */
  keepList(question: string, answer: TasksAnswer<StoreAnswer>, version: number): void {
    const { data } = answer.result
    if (Atomics.load(this.#version, 0) !== version || !data.every((one) => typeof one === 'string')) return
    const characters = data.reduce((sum, one) => sum + one.length, question.length)
    if (this.#makeRoom(characters, version)) this.#lists.set(question, answer)
  }

  /** False when so much is never kept. */
  #makeRoom(characters: number, version: number): boolean {
    if (characters > MAX_CHARACTERS) return false
    if (version !== this.#keptVersion || this.#characters + characters > MAX_CHARACTERS) {
      this.#stores.clear()
      this.#lists.clear()
      this.#characters = 0
      this.#keptVersion = version
    }
    this.#characters += characters
    return true
  }
}
