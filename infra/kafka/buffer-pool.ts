/** Memory kept between commits, bytes. */
const POOL_BYTES = 32 * 1024 * 1024

/** Batches of a round. */
const ROUND = 256

/*
 * Owns the buffers of settled batches, which the next ones use again.
 * 1. Each topic has its own, since a buffer is as large as the greatest part of a batch that was ever in it.
 * 2. Together they are no larger than the limit. Those that are idle make room for others; else what is over the limit goes.
 * 3. At the end of a round of batches all buffers that are here count as idle. They go at the end of the next round, if no batch has
 *    used them meanwhile: topics that are no longer written keep no memory.
 */
export class BufferPool {
  #maxBytes: number
  #free = new FreeBuffers()
  #idle = new FreeBuffers()
  #batches = 0

  constructor(maxBytes = POOL_BYTES) {
    this.#maxBytes = maxBytes
  }

  /** Under a lower limit all buffers go: batches bring theirs again. */
  set maxBytes(bytes: number) {
    this.#maxBytes = bytes
    if (this.#free.bytes + this.#idle.bytes <= bytes) return
    this.#idle = new FreeBuffers()
    this.#free = new FreeBuffers()
  }

  /** A batch begins. */
  begin(): void {
    if (++this.#batches % ROUND !== 0) return
    // Invariant 3.
    this.#idle = this.#free
    this.#free = new FreeBuffers()
  }

  take(topic: string): Buffer | undefined {
    return this.#free.take(topic) ?? this.#idle.take(topic)
  }

  give(topic: string, buffer: Buffer): void {
    // Invariant 2.
    if (this.#free.bytes + this.#idle.bytes + buffer.length > this.#maxBytes) this.#idle = new FreeBuffers()
    if (this.#free.bytes + buffer.length <= this.#maxBytes) this.#free.give(topic, buffer)
  }
}

class FreeBuffers {
  readonly #byTopic = new Map<string, Buffer[]>()
  bytes = 0

  take(topic: string): Buffer | undefined {
    const buffers = this.#byTopic.get(topic)
    const buffer = buffers?.pop()
    if (buffer === undefined) return undefined
    this.bytes -= buffer.length
    // Names of topics may come from records, and have no end.
    if (buffers?.length === 0) this.#byTopic.delete(topic)
    return buffer
  }

  give(topic: string, buffer: Buffer): void {
    this.bytes += buffer.length
    const buffers = this.#byTopic.get(topic)
    if (buffers === undefined) this.#byTopic.set(topic, [buffer])
    else buffers.push(buffer)
  }
}
