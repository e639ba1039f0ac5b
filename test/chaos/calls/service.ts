import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Random } from '../../support/random.ts'

/** Every so many-th call fails. */
const FAILS_EVERY = 37
const SLOW_MS = 800

/*
 * The service that the topology asks, in the process of the judge. Answers `value!` after some milliseconds, in one of fifty calls after
 * up to 800.
 * 1. It counts what it has seen: attempts, failures, and which values it has answered.
 */
export class CountingService {
  attempts = 0
  failures = 0
  readonly answered = new Set<string>()
  readonly #random: Random
  readonly #server: Server
  #waiting: { readonly isThere: () => boolean; readonly resolve: () => void }[] = []

  constructor(seed: number) {
    this.#random = new Random(seed)
    this.#server = createServer((request, response) => {
      const value = request.url?.slice(1) ?? ''
      this.attempts++
      if (this.attempts % FAILS_EVERY === 0) {
        this.failures++
        response.writeHead(503).end()
        return
      }
      const random = this.#random
      setTimeout(
        () => {
          response.end(`${value}!`)
          this.answered.add(value)
          this.#tell()
        },
        random.chance(0.02) ? random.below(SLOW_MS) : random.below(10),
      )
    })
  }

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Resolves when so many values have been answered. */
  answers(count: number): Promise<void> {
    return this.#until(() => this.answered.size >= count)
  }

  /** Resolves when that value has been answered. */
  answer(value: string): Promise<void> {
    return this.#until(() => this.answered.has(value))
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #until(isThere: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ isThere, resolve })
      this.#tell()
    })
  }

  #tell(): void {
    for (const { isThere, resolve } of this.#waiting) if (isThere()) resolve()
    this.#waiting = this.#waiting.filter(({ isThere }) => !isThere())
  }
}
