import { createHash } from 'node:crypto'
import type { Header, Headers } from '../../state/ports/headers.ts'
import type { CallSource, UnansweredCall } from '../../topology/async-call.ts'
import { messageBytes } from './dead-letter.ts'
import type { RecordPlace } from './poisoned-records.ts'

/** The end of a call, as it was when the call was made. */
export type RecordedEnd =
  | { readonly answer: Buffer | null }
  | { readonly leftOut: string; readonly isDeadLetter: boolean }

/** The recorded ends of the calls of one node in one task: whoever processes input again asks here, and makes no call. */
export interface RecordedCalls {
  /**
   * The next end of a call of this name that was not taken; `unanswered`: the call still waits for its answer.
   * @throws StreamsError when there is none, and the input is not to be processed without it
   */
  take(name: string, place: RecordPlace): RecordedEnd | 'unanswered'
  /** An end that was taken had no effect: it is the next one again. */
  giveBack(name: string, end: RecordedEnd): void
  /** The sequence under which that call waits for its answer; null: it does not. */
  sequenceOf(name: string): number | null
}

/** Recorded answers of a whole application. */
export interface RecordedAnswers {
  of(node: string, partition: number): RecordedCalls
}

const NAME = '__streams.call'
const LEFT_OUT = '__streams.call.left-out'
const DEAD_LETTER = '__streams.call.dead-letter'
const DIGEST_BYTES = 16

/**
 * The name by which the end of a call is found again. For a call about an input record: the record's place, which other code finds as
 * well. Offsets of repartition topics are others when the input is processed again, and punctuators and caches have none: such a call is
 * named by its record, so calls about equal records share a name.
 * @param isInput the topic is an input of the application
 */
export function callName(call: Omit<UnansweredCall, 'sequence'>, source: CallSource, isInput: boolean): string {
  const { topic, partition, offset, index } = call
  if (offset >= 0 && isInput) return `${topic}:${partition}:${offset}#${index}`
  const digest = digestOf(source)
  return offset >= 0 ? `~${digest}#${index}` : `~${digest}`
}

function digestOf({ timestamp, key, value }: CallSource): string {
  const hash = createHash('sha256')
  for (const part of [Buffer.from(String(timestamp)), key, value])
    hash.update(`${part?.length ?? 'null'}:`).update(part ?? '')
  return hash.digest().subarray(0, DIGEST_BYTES).toString('base64url')
}

/** Headers of the record of an answer. */
export function answerHeaders(name: string): Headers {
  return [header(NAME, name)]
}

/** Headers of the record of a call that has no answer: its record was left out. `why` is truncated as in dead letters. */
export function leftOutHeaders(name: string, why: string, isDeadLetter: boolean): Headers {
  return [
    header(NAME, name),
    { key: LEFT_OUT, value: messageBytes(why) },
    ...(isDeadLetter ? [header(DEAD_LETTER, '1')] : []),
  ]
}

/** The name of the call, and its end; null for a record that no task wrote. */
export function readEnd(value: Buffer | null, headers: Headers): readonly [name: string, end: RecordedEnd] | null {
  const found = new Map(Array.from(headers, (one) => [one.key, String(one.value)]))
  const name = found.get(NAME)
  const leftOut = found.get(LEFT_OUT)
  if (name === undefined) return null
  return [name, leftOut === undefined ? { answer: value } : { leftOut, isDeadLetter: found.has(DEAD_LETTER) }]
}

function header(key: string, value: string): Header {
  return { key, value: Buffer.from(value) }
}
