import { setTimeout as sleep, setImmediate as yieldToEvents } from 'node:timers/promises'
import type { LogReader } from '../../../runtime/ports/log.ts'
import type { Rebuild } from '../../../runtime/replay/rebuild.ts'
import { partitionKey } from '../../../state/ports/topic-partition.ts'
import { ReadStalledError } from '../topics/read-spans.ts'

export interface RunRebuildOptions {
  readonly rebuild: Rebuild
  readonly reader: LogReader
  /** Records per second at most; null = as fast as it goes. */
  readonly rate: number | null
  readonly signal: AbortSignal
  /** After a commit of the rebuild: what it gave can be written away. */
  readonly onCommit: () => Promise<void>
  /** Input offsets passed since the last call. */
  readonly onProgress: (passed: number) => void
}

/** Processed at a time: signals are served in between. */
const SLICE = 500
const COMMIT_EVERY_RECORDS = 50_000
const COMMIT_EVERY_BYTES = 32 * 1024 * 1024
/** Held per partition while another one is waited for. */
const BUFFERED_BYTES = 4 * 1024 * 1024
const POLL_MS = 1000
/** Longer than the transaction of a dead instance can last, as in readSpans. */
const STALLED_MS = 60_000

/**
 * Reads what the rebuild is missing and lets it process all of it. Ends with a commit.
 * @throws the signal's reason, ReadStalledError, OffsetOutOfRangeError, PoisonedRecordError
 */
export async function runRebuild(options: RunRebuildOptions): Promise<void> {
  const { rebuild, signal, onCommit } = options
  const feed = new Feed(options)
  const pace = new Pace(options.rate)
  let sinceCommit = 0
  try {
    while (!rebuild.isDone) {
      signal.throwIfAborted()
      const count = rebuild.process(SLICE)
      sinceCommit += count
      if (sinceCommit >= COMMIT_EVERY_RECORDS || rebuild.dirtyBytes > COMMIT_EVERY_BYTES) {
        await rebuild.commit()
        await onCommit()
        sinceCommit = 0
      }
      if (count === 0) await feed.next()
      else {
        await yieldToEvents()
        await pace.after(count, signal)
      }
    }
  } finally {
    feed.stop()
  }
  await rebuild.commit()
  await onCommit()
}

/** The input of the rebuild. Partitions that hold enough wait for the others. */
class Feed {
  readonly #options: RunRebuildOptions
  readonly #paused = new Set<string>()
  #moved = performance.now()

  constructor(options: RunRebuildOptions) {
    this.#options = options
    for (const span of options.rebuild.missing) if (span.from < span.to) options.reader.assign(span, span.from)
  }

  async next(): Promise<void> {
    const { rebuild, reader, onProgress } = this.#options
    const before = new Map(rebuild.missing.map((span) => [partitionKey(span), span]))
    this.#balance()
    for (const fetched of await reader.poll(POLL_MS)) {
      const span = before.get(partitionKey(fetched))
      if (span === undefined) continue
      rebuild.feed(fetched)
      const position = Math.min(fetched.position, span.to)
      if (position > span.from) this.#moved = performance.now()
      onProgress(Math.max(0, position - span.from))
      if (position >= span.to) reader.unassign(fetched)
    }
    if (performance.now() - this.#moved < STALLED_MS) return
    const [stalled] = rebuild.missing.filter(({ from, to }) => from < to)
    if (stalled !== undefined) throw new ReadStalledError(stalled, stalled.from, stalled.to)
  }

  stop(): void {
    const { rebuild, reader } = this.#options
    for (const span of rebuild.missing) reader.unassign(span)
  }

  #balance(): void {
    const { rebuild, reader } = this.#options
    for (const span of rebuild.missing) {
      if (span.from >= span.to) continue
      const isFull = rebuild.bufferedBytes(span) > BUFFERED_BYTES
      if (isFull === this.#paused.has(partitionKey(span))) continue
      if (isFull) {
        this.#paused.add(partitionKey(span))
        reader.pause(span)
      } else {
        this.#paused.delete(partitionKey(span))
        reader.resume(span)
      }
    }
  }
}

/** Not faster than so many records per second on the whole. */
class Pace {
  readonly #rate: number | null
  readonly #began = performance.now()
  #count = 0

  constructor(rate: number | null) {
    this.#rate = rate
  }

  async after(count: number, signal: AbortSignal): Promise<void> {
    if (this.#rate === null) return
    this.#count += count
    const ahead = (this.#count / this.#rate) * 1000 - (performance.now() - this.#began)
    if (ahead > 5) await sleep(ahead, undefined, { signal })
  }
}
