import type { RecordedEnd } from '../../../runtime/task/recorded-answers.ts'

const ANSWER = 0
const NO_VALUE = 1
const DROPPED = 2
const DEAD_LETTER = 3
/** Kind (1 byte), length (4). */
const HEAD_BYTES = 5

/** Ends of calls as one row: of each the kind (1 byte), the length (4) and the bytes. */
export function encodeEnds(ends: readonly RecordedEnd[]): Buffer {
  return Buffer.concat(
    ends.flatMap((end) => {
      const [kind, bytes] = partsOf(end)
      const head = Buffer.allocUnsafe(HEAD_BYTES)
      head.writeUInt8(kind, 0)
      head.writeUInt32BE(bytes.length, 1)
      return [head, bytes]
    }),
  )
}

export function decodeEnds(row: Buffer): readonly RecordedEnd[] {
  const ends: RecordedEnd[] = []
  for (let at = 0; at < row.length; ) {
    const kind = row.readUInt8(at)
    const next = at + HEAD_BYTES + row.readUInt32BE(at + 1)
    const bytes = row.subarray(at + HEAD_BYTES, next)
    if (kind === ANSWER || kind === NO_VALUE) ends.push({ answer: kind === ANSWER ? bytes : null })
    else ends.push({ leftOut: String(bytes), isDeadLetter: kind === DEAD_LETTER })
    at = next
  }
  return ends
}

function partsOf(end: RecordedEnd): readonly [kind: number, bytes: Buffer] {
  if ('leftOut' in end) return [end.isDeadLetter ? DEAD_LETTER : DROPPED, Buffer.from(end.leftOut)]
  return end.answer === null ? [NO_VALUE, Buffer.alloc(0)] : [ANSWER, end.answer]
}
