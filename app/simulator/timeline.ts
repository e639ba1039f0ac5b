import type { Happening, Payload, SimulatedEvent } from './simulated-event.ts'

/** The happenings of one ride in order of time, with the current one. */
interface Cursor {
  readonly rest: Iterator<Happening>
  readonly next: Happening
}

/** The beginning of a ride; none of its happenings is earlier. */
export interface TimedStory {
  readonly from: number
  readonly happenings: () => Iterator<Happening>
}

/**
 * Merges stories, which come in order of their beginnings, into one stream in order of release. Ties go by order of
 * insertion, so the stream is always the same. Keeps the open stories only.
 */
export function* timeline(stories: Iterable<TimedStory>): Generator<SimulatedEvent> {
  const queue = new TimeQueue<Cursor | Payload>()
  const coming = stories[Symbol.iterator]()
  let story = coming.next()
  let rides = 0
  for (;;) {
    while (!story.done && story.value.from <= queue.firstAt) {
      advance(queue, story.value.happenings())
      rides++
      story = coming.next()
    }
    if (queue.size === 0) return
    const releaseAt = queue.firstAt
    const item = queue.take()
    if ('kind' in item) {
      yield { releaseAt, payload: item, rides }
      continue
    }
    const { payload, lateBy, againAfter } = item.next
    if (lateBy > 0) queue.add(releaseAt + lateBy, payload)
    else yield { releaseAt, payload, rides }
    if (againAfter > 0) queue.add(releaseAt + lateBy + againAfter, payload)
    advance(queue, item.rest)
  }
}

function advance(queue: TimeQueue<Cursor | Payload>, rest: Iterator<Happening>): void {
  const next = rest.next()
  if (!next.done) queue.add(next.value.at, { rest, next: next.value })
}

/** Binary heap by (time, order of insertion). */
export class TimeQueue<T> {
  readonly #times: number[] = []
  readonly #orders: number[] = []
  readonly #items: T[] = []
  #inserted = 0

  get size(): number {
    return this.#items.length
  }

  /** Infinity when empty. */
  get firstAt(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY
  }

  add(time: number, item: T): void {
    const order = this.#inserted++
    let at = this.#items.length
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (this.#isBefore(parent, time, order)) break
      this.#move(parent, at)
      at = parent
    }
    this.#put(at, time, order, item)
  }

  /** Throws when empty. */
  take(): T {
    const first = this.#items[0]
    const time = this.#times.pop()
    const order = this.#orders.pop()
    const item = this.#items.pop()
    if (first === undefined || time === undefined || order === undefined || item === undefined) {
      throw new RangeError('the queue is empty')
    }
    const size = this.#items.length
    if (size === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      const right = child + 1
      if (right < size && this.#isBefore(right, this.#times[child] as number, this.#orders[child] as number)) {
        child = right
      }
      if (!this.#isBefore(child, time, order)) break
      this.#move(child, at)
      at = child
    }
    this.#put(at, time, order, item)
    return first
  }

  #isBefore(at: number, time: number, order: number): boolean {
    const other = this.#times[at] as number
    return other < time || (other === time && (this.#orders[at] as number) < order)
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#times[from] as number, this.#orders[from] as number, this.#items[from] as T)
  }

  #put(at: number, time: number, order: number, item: T): void {
    this.#times[at] = time
    this.#orders[at] = order
    this.#items[at] = item
  }
}
