import type { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { StreamsError } from '../../../state/ports/errors.ts'
import type { Logger } from '../../logging/logger.ts'
import { expectedProblem } from './expected-problem.ts'
import { FlowHistory } from './flow-history.ts'
import type { Flow, FlowPoint, SectionData } from './sections/index.ts'
import { frameOf, Viewers } from './viewers.ts'

/** One section of the dashboard: where its data comes from. */
export interface SectionSource {
  readonly name: string
  /** Pause between two readings, ms. */
  readonly everyMs: number
  /** One call at a time. */
  read(): Promise<unknown>
  /** Called when nobody watches any longer: closes what reading keeps open. */
  rest?(): Promise<void>
}

export interface LiveFeedOptions {
  /** Read all the time, so that the first viewer gets a history. */
  readonly flow: () => Promise<Flow>
  readonly sections: readonly SectionSource[]
  /** Words that explain why a store may be missing. */
  readonly aboutMissingStores: string
  readonly logger: Logger
}

/** Limit of viewers: each may cost some hundred KB a second. */
export const MOST_VIEWERS = 50
const FLOW_EVERY_MS = 1000
/** A viewer gets ten minutes at first. */
const FIRST_SECONDS = 600

/*
 * Owns the readings of the dashboard. They are made once for all viewers.
 * 1. Sections are read while there are viewers, each in its own loop: a slow one delays no other.
 * 2. The flow is read always, once a second (a message to each stream thread), and its last day is kept.
 * 3. A reading that fails leaves the last data in place, with the reason beside it.
 */
export class LiveFeed {
  readonly viewers = new Viewers(MOST_VIEWERS)
  readonly #options: LiveFeedOptions
  readonly history = new FlowHistory()
  readonly #ended = new AbortController()
  #watching: { readonly stop: AbortController; readonly done: Promise<void> } | null = null
  #sampling: Promise<void> | null = null

  constructor(options: LiveFeedOptions) {
    this.#options = options
    this.viewers.onWatched = (isWatched) => (isWatched ? this.#watch() : this.#watching?.stop.abort())
  }

  start(): void {
    this.#sampling = this.#sampleFlow()
  }

  /** Ask viewers.isFull first. */
  join(stream: Writable): void {
    this.viewers.join(stream, [frameOf('history', this.history.points(FIRST_SECONDS))])
  }

  async close(): Promise<void> {
    this.#ended.abort()
    this.viewers.close()
    this.#watching?.stop.abort()
    // A section at rest ends what its reading waits for.
    await Promise.all(this.#options.sections.map((section) => this.#rest(section)))
    await this.#sampling
    await this.#watching?.done
  }

  async #sampleFlow(): Promise<void> {
    const { flow } = this.#options
    const keep = async (): Promise<Flow> => {
      const now = await flow()
      this.history.add(pointOf(now))
      return now
    }
    await this.#repeat({ name: 'flow', everyMs: FLOW_EVERY_MS, read: keep }, this.#ended.signal)
  }

  #watch(): void {
    if (this.#ended.signal.aborted) return
    const before = this.#watching?.done
    const stop = new AbortController()
    const { sections } = this.#options
    const run = async (): Promise<void> => {
      await before
      await Promise.all(sections.map((section) => this.#repeat(section, stop.signal)))
      await Promise.all(sections.map((section) => this.#rest(section)))
    }
    this.#watching = { stop, done: run() }
  }

  async #repeat(section: SectionSource, signal: AbortSignal): Promise<void> {
    let last: SectionData<unknown> = { data: null, problem: null }
    while (!signal.aborted) {
      try {
        last = { data: await section.read(), problem: null }
      } catch (error) {
        const problem = expectedProblem(error, this.#options.aboutMissingStores) ?? unexpectedProblem(error)
        // Logged once, not every second.
        if (problem !== last.problem) this.#options.logger.warn({ err: error, section: section.name }, 'dashboard')
        last = { data: last.data, problem }
        await this.#rest(section)
      }
      if (signal.aborted) return
      this.viewers.publish(frameOf(section.name, last))
      await pause(section.everyMs, signal)
    }
  }

  async #rest({ name, rest }: SectionSource): Promise<void> {
    try {
      await rest?.()
    } catch (error) {
      this.#options.logger.warn({ err: error, section: name }, 'dashboard: cannot close')
    }
  }
}

function unexpectedProblem(error: unknown): string {
  return error instanceof StreamsError ? error.message : 'internal error, see the log'
}

function pointOf({ at, recordsPerSecond, lag, endToEnd, commit }: Flow): FlowPoint {
  return [at, recordsPerSecond, lag, endToEnd.p50, endToEnd.p99, commit.p50, commit.p99]
}

/** Resolves after `ms`, or at once when the signal aborts. Keeps no process alive. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal, ref: false }).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}
