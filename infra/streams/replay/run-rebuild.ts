import { setTimeout as sleep, setImmediate as yieldToEvents } from 'node:timers/promises'
import type { LogReader } from '../../../runtime/ports/log.ts'
import type { Rebuild } from '../../../runtime/replay/rebuild.ts'
import { partitionKey } from '../../../state/ports/topic-partition.ts'
import { type ScannedPart, scanSpans } from '../topics/log-scan.ts'

export interface FeedOptions {
  readonly rebuild: Rebuild
  readonly reader: LogReader
  readonly signal: AbortSignal
  /** Input offsets passed since the last call. */
  readonly onProgress: (passed: number) => void
}

export interface RunRebuildOptions extends FeedOptions {
  /** Records per second at most; null = as fast as it goes. */
  readonly rate: number | null
  /** After a commit of the rebuild: what it gave can be written away. */
  readonly onCommit: () => Promise<void>
}

/** Processed at a time: signals are served in between. */
const SLICE = 500
const COMMIT_EVERY_RECORDS = 50_000
const COMMIT_EVERY_BYTES = 32 * 1024 * 1024
/** Held per partition while another one is waited for. */
const BUFFERED_BYTES = 4 * 1024 * 1024

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
    await feed.stop()
  }
  await rebuild.commit()
  await onCommit()
}

/** The input of the rebuild. Partitions that hold enough wait for the others. */
export class Feed {
  readonly #options: FeedOptions
  readonly #paused = new Set<string>()
  readonly #scan: AsyncGenerator<ScannedPart, void, undefined>

  constructor(options: FeedOptions) {
    const { reader, rebuild, signal } = options
    this.#options = options
    this.#scan = scanSpans({ reader, spans: rebuild.missing, signal })
  }

  /** Gives the rebuild what comes next; false when everything has been read. */
  async next(): Promise<boolean> {
    this.#balance()
    const { value: part } = await this.#scan.next()
    if (part === undefined) return false
    this.#options.rebuild.feed(part)
    this.#options.onProgress(part.passed)
    return true
  }

  async stop(): Promise<void> {
    await this.#scan.return()
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
