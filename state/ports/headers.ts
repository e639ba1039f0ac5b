/** One Kafka record header: a UTF-8 name and raw bytes (null is a legal value). */
export interface Header {
  readonly key: string
  readonly value: Buffer | null
}

/** A header whose value is text: it becomes bytes only where they are read. */
export class TextHeader implements Header {
  readonly key: string
  readonly text: string

  constructor(key: string, text: string) {
    this.key = key
    this.text = text
  }

  get value(): Buffer {
    return Buffer.from(this.text, 'utf8')
  }
}

/**
 * Record headers: ordered, immutable, names may repeat. An implementation may decode lazily
 * (most processors never look), so read through the iterator. The bytes behind it never change, but it may pin a
 * whole fetch response: hold it for an epoch at most, copy what is kept longer.
 */
export interface Headers extends Iterable<Header> {
  readonly length: number
}

/** The one empty header list; compare with `headers.length === 0`, not by identity. */
export const NO_HEADERS: Headers & readonly Header[] = Object.freeze([])

/** Value of the last header with that name (Kafka's `lastHeader`), or undefined when there is none. */
export function lastHeader(headers: Headers, key: string): Buffer | null | undefined {
  let found: Buffer | null | undefined
  if (headers.length > 0) for (const header of headers) if (header.key === key) found = header.value
  return found
}
