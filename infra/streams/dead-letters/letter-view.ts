import { textOf } from '../../../state/ports/text-of.ts'
import { type DeadLetter, letterName, placeName } from './dead-letter.ts'

/** Text, or hex where the bytes are none; neither for null. */
export interface ShownBytes {
  readonly text?: string
  readonly hex?: string
}

/** All of a dead letter, for people. */
export interface LetterView {
  /** `partition:offset` */
  readonly letter: string
  /** ISO 8601, UTC. */
  readonly diedAt: string
  /** `topic-partition@offset`; null when unknown. */
  readonly source: string | null
  readonly headers: ReadonlyArray<ShownBytes & { readonly key: string }>
  readonly key: ShownBytes
  readonly value: ShownBytes
}

export function letterView(letter: DeadLetter): LetterView {
  return {
    letter: letterName(letter),
    diedAt: new Date(letter.timestamp).toISOString(),
    source: letter.source === null ? null : placeName(letter.source),
    headers: letter.headers.map(({ key, value }) => ({ key, ...shownBytes(value) })),
    key: shownBytes(letter.key),
    value: shownBytes(letter.value),
  }
}

function shownBytes(bytes: Buffer | null): ShownBytes {
  if (bytes === null) return {}
  const text = textOf(bytes)
  return text === null ? { hex: bytes.toString('hex') } : { text }
}
