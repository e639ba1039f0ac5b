import { type Header, type Headers, TextHeader } from '../../state/ports/headers.ts'
import { RecordHeaders } from './record-headers.ts'
import { textLength, varintSize, writeText, writeVarint } from './varints.ts'

const INITIAL_BYTES = 256

/*
 * Encodes the headers of one record after the other, as they stand behind the header count.
 * 1. bytes[start, end) are those of the last encode().
 * 2. Headers are immutable, and a topic's records mostly share their first ones as objects: what stands in #last is in #own
 *    already, header i up to #ends[i].
 */
export class HeaderEncoder {
  bytes: Buffer = Buffer.allocUnsafe(INITIAL_BYTES)
  start = 0
  end = 0
  #own = this.bytes
  #lastHeaders: Headers | null = null
  readonly #last: Header[] = []
  readonly #ends: number[] = []
  /** Headers in #last; what stands behind them means nothing. (To set the length of an array is a call into the runtime.) */
  #count = 0

  /** Returns the number of bytes. */
  encode(headers: Headers): number {
    if (headers.length === 0) {
      this.start = this.end = 0
    } else if (headers instanceof RecordHeaders) {
      this.#lastHeaders = headers
      this.bytes = headers.bytes
      this.start = headers.start
      this.end = headers.end
    } else if (headers !== this.#lastHeaders || this.bytes !== this.#own) {
      this.#lastHeaders = headers
      this.start = 0
      this.end = this.#encode(headers)
      this.bytes = this.#own
    } else {
      this.start = 0
      this.end = this.#ends[this.#count - 1] as number
    }
    return this.end - this.start
  }

  #encode(headers: Headers): number {
    const list = Array.isArray(headers) ? (headers as readonly Header[]) : [...headers]
    const last = this.#last
    const ends = this.#ends
    let same = 0
    while (same < list.length && same < this.#count && list[same] === last[same]) same++
    this.#count = same
    let end = same === 0 ? 0 : (ends[same - 1] as number)
    for (let i = same; i < list.length; i++) {
      const header = list[i] as Header
      end = header instanceof TextHeader ? this.#text(end, header) : this.#raw(end, header)
      last[i] = header
      ends[i] = end
    }
    this.#count = list.length
    return end
  }

  #text(at: number, { key, text }: TextHeader): number {
    const keyLength = textLength(key)
    const length = textLength(text)
    const bytes = this.#reserve(at, keyLength + length)
    let position = writeVarint(bytes, at, keyLength)
    position = writeText(bytes, position, key, keyLength)
    position = writeVarint(bytes, position, length)
    return writeText(bytes, position, text, length)
  }

  #raw(at: number, { key, value }: Header): number {
    const keyLength = textLength(key)
    const bytes = this.#reserve(at, keyLength + (value?.length ?? 0))
    let position = writeVarint(bytes, at, keyLength)
    position = writeText(bytes, position, key, keyLength)
    position = writeVarint(bytes, position, value === null ? -1 : value.length)
    return value === null ? position : position + value.copy(bytes, position)
  }

  /** Makes room for so many bytes and two varints. */
  #reserve(at: number, size: number): Buffer {
    const needed = at + size + 2 * varintSize(size)
    if (needed > this.#own.length) {
      const grown = Buffer.allocUnsafe(needed * 2)
      this.#own.copy(grown, 0, 0, at)
      this.#own = grown
    }
    return this.#own
  }
}
