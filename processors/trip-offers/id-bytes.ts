import { grownInts } from './grown-ints.ts'
import { mostIdBytes, writeId } from './small-bytes.ts'

/** Ids that are looked at for a text that many begin with. */
const LOOKED_AT = 32
const MOST_TEXT = 100
const FIRST_SLOTS = 64
/** For each slot at first. */
const FIRST_BYTES = 16
/** The id was not written yet. */
const NONE = -1

/*
 * Ids as they stand in answers (found-batch.ts), each written once and then copied: an id is in many answers.
 *
 * Invariants:
 * 1. `text` is what the first ids had in common when it was chosen. It is chosen anew when there are twice as many ids, so all ids are
 *    written a few times at most.
 */
export class IdBytes {
  text = ''
  readonly #ids: readonly string[]
  /** How many ids there were when the text was chosen. */
  #chosenOf = 0
  #bytes = Buffer.allocUnsafeSlow(FIRST_SLOTS * FIRST_BYTES)
  #used = 0
  /** By slot: from where to where in #bytes. */
  #starts = new Int32Array(FIRST_SLOTS).fill(NONE)
  #ends = new Int32Array(FIRST_SLOTS)

  /** @param ids by slot; some are added at its end, and none goes */
  constructor(ids: readonly string[]) {
    this.#ids = ids
  }

  /** An answer begins: all its ids go with the same text. */
  begin(): void {
    const { length } = this.#ids
    if (length < 2 * this.#chosenOf) return
    this.#chosenOf = length
    const text = commonText(this.#ids.slice(0, LOOKED_AT))
    if (text === this.text) return
    this.text = text
    this.#used = 0
    this.#starts.fill(NONE)
  }

  /** Copies it to `at`. Answers the position behind it. */
  copy(slot: number, to: Buffer, at: number): number {
    if (slot >= this.#starts.length || this.#starts[slot] === NONE) this.#write(slot)
    const bytes = this.#bytes
    const end = this.#ends[slot] as number
    let position = at
    for (let i = this.#starts[slot] as number; i < end; i++) to[position++] = bytes[i] as number
    return position
  }

  #write(slot: number): void {
    const id = this.#ids[slot] as string
    const room = mostIdBytes(id.length)
    if (this.#used + room > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow((this.#used + room) * 2)
      this.#bytes.copy(grown, 0, 0, this.#used)
      this.#bytes = grown
    }
    if (slot >= this.#starts.length) {
      const size = Math.max(slot + 1, this.#starts.length * 2)
      this.#starts = grownInts(this.#starts, size, NONE)
      this.#ends = grownInts(this.#ends, size)
    }
    this.#starts[slot] = this.#used
    this.#used = writeId(this.#bytes, this.#used, id, this.text)
    this.#ends[slot] = this.#used
  }
}

/** The beginning of all these ids, without digits at its end: other ids go on with other digits. */
function commonText([first = '', ...others]: readonly string[]): string {
  let length = Math.min(first.length, MOST_TEXT)
  for (const id of others) {
    let same = 0
    while (same < length && id[same] === first[same]) same++
    length = same
  }
  return /^[\x20-\x7e]*?(?=\d*$|[^\x20-\x7e])/.exec(first.slice(0, length))?.[0] ?? ''
}
