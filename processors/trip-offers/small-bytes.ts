/*
 * Numbers in few bytes, for the records of trip.offers: most positions have at most seven decimals, and most distances are short.
 */

/** Positions are kept in whole units, when nothing of them is lost. */
const UNITS_PER_DEGREE = 1e7
/** Seven bits to a byte; the greatest number has 31. */
const MOST_SHIFT = 28

/** The whole number of units nearest to it; half a centimetre off at most. */
export function unitsOf(degrees: number): number {
  return Math.round(degrees * UNITS_PER_DEGREE)
}

/** Correctly rounded, so it is the very number that was read from a text with so many decimals. */
export function degreesOf(units: number): number {
  return units / UNITS_PER_DEGREE
}

/** Writes an integer of 0 to 2^31 - 1; gives the position behind it. */
export function writeSmall(bytes: Buffer, at: number, value: number): number {
  let position = at
  let rest = value
  for (; rest >= 0x80; rest >>>= 7) bytes[position++] = (rest & 0x7f) | 0x80
  bytes[position++] = rest
  return position
}

/** One of less than 2^30 to either side. */
export function writeSigned(bytes: Buffer, at: number, value: number): number {
  return writeSmall(bytes, at, value < 0 ? -2 * value - 1 : 2 * value)
}

/** UTF-8 of one UTF-16 code unit, and the length before an id. */
const MOST_UNIT_BYTES = 3
const MOST_LENGTH_BYTES = 5

/** Bytes that writeId() takes at most. @param units UTF-16 code units of the id */
export function mostIdBytes(units: number): number {
  return units * MOST_UNIT_BYTES + MOST_LENGTH_BYTES
}

/**
 * Writes twice the length of an id, one more when `text` is its beginning and left out, and the UTF-8. Most ids are short and ASCII: bytes
 * one by one cost less than a call of native code. Gives the position behind it.
 */
export function writeId(bytes: Buffer, at: number, id: string, text: string): number {
  const begins = text.length > 0 && id.startsWith(text)
  const from = begins ? text.length : 0
  const start = writeSmall(bytes, at, 2 * (id.length - from) + (begins ? 1 : 0))
  for (let i = from; i < id.length; i++) {
    const code = id.charCodeAt(i)
    if (code > 0x7f) return writeUtf8(bytes, at, id.slice(from), begins)
    bytes[start + i - from] = code
  }
  return start + id.length - from
}

function writeUtf8(bytes: Buffer, at: number, id: string, begins: boolean): number {
  const start = writeSmall(bytes, at, 2 * Buffer.byteLength(id, 'utf8') + (begins ? 1 : 0))
  return start + bytes.write(id, start, 'utf8')
}

/** Reads numbers one behind the other. */
export class SmallReader {
  readonly bytes: Buffer
  position: number

  constructor(bytes: Buffer, position: number) {
    this.bytes = bytes
    this.position = position
  }

  small(): number {
    const { bytes } = this
    let value = 0
    for (let shift = 0; shift <= MOST_SHIFT; shift += 7) {
      const byte = bytes[this.position++]
      if (byte === undefined) break
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw new RangeError('the bytes hold no number of 31 bits')
  }

  signed(): number {
    const value = this.small()
    return (value & 1) === 0 ? value >>> 1 : -(value >>> 1) - 1
  }
}

export function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength)
}

/** @throws RangeError which says what to do */
export function checkForm(topic: string, bytes: Buffer, form: number): void {
  if (bytes[0] === form) return
  throw new RangeError(
    `${topic}: a record in a form (${bytes[0]}) that this version does not know: ` +
      'the version that wrote it must bring the lag to 0 before another one starts',
  )
}
