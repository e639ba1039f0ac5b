/*
 * Converts a call of StoreQueries to the question that crosses threads: checks that it fits the store, and encodes keys and
 * values of the store's types. Every function throws StreamsConfigError for a question that does not fit.
 */
import { decodeInt } from '../../state/keys/binary-number.ts'
import { StreamsConfigError } from '../../state/ports/errors.ts'
import type {
  AsOfQuestion,
  QuestionPage,
  RangeQuestion,
  SessionsQuestion,
  StoredRow,
  WindowsQuestion,
} from '../../state/ports/questions.ts'
import type { StoreSpec } from '../../state/ports/store-spec.ts'
import type { Windowed } from '../../state/ports/stores.ts'
import type { StoreCodec } from '../../state/stores/store-codec.ts'
import { placesOf } from '../../state/stores/timed-position.ts'
import type { PageOptions, StoreScan } from '../ports/instance.ts'
import { windowedKey } from './windowed-key.ts'

type Kind = StoreSpec['kind']

/** Most rows of an answer without a limit. */
export const MOST_ROWS = 10_000

/** The greatest time that a question names, epoch ms. */
export const LATEST = Number.MAX_SAFE_INTEGER

const ANSWERS: Readonly<Record<Kind, string>> = {
  'key-value': 'get(store, key), range(store, from, to) and scan(store)',
  versioned: 'get(store, key), asOf(store, key, time), range(store, from, to) and scan(store)',
  window: 'fetch(store, key, from, to), fetchAll(store, from, to), scan(store) and get(store, { key, window })',
  session: 'sessions(store, key), scan(store) and get(store, { key, window })',
}

export function refuse({ name, kind }: StoreSpec, asked: string): StreamsConfigError {
  return new StreamsConfigError(
    `${name} is a ${kind} store, which does not answer ${asked}: it answers ${ANSWERS[kind]}`,
  )
}

/** For calls that only some kinds of stores answer. */
export function expectKind(spec: StoreSpec, kinds: readonly Kind[], asked: string): void {
  if (!kinds.includes(spec.kind)) throw refuse(spec, asked)
}

export function windowsQuestion(
  codec: StoreCodec,
  { key, from, to }: { readonly key: unknown; readonly from: number; readonly to: number },
  options: PageOptions,
  asked: string,
): WindowsQuestion {
  expectKind(codec.spec, ['window'], asked)
  const binary = key === null ? null : codec.encodeKey(key)
  return { type: 'windows', key: binary, from: time('from', from), to: time('to', to), ...page(codec.spec, options) }
}

export function sessionsQuestion(
  codec: StoreCodec,
  { key, earliestEnd = 0, latestStart = LATEST }: { key: unknown; earliestEnd?: number; latestStart?: number },
  options: PageOptions,
  asked: string,
): SessionsQuestion {
  expectKind(codec.spec, ['session'], asked)
  return {
    type: 'sessions',
    key: key === null ? null : codec.encodeKey(key),
    earliestEnd: time('earliestEnd', earliestEnd),
    latestStart: time('latestStart', latestStart),
    ...page(codec.spec, options),
  }
}

export function rangeQuestion(
  codec: StoreCodec,
  { from, to, after, ...options }: StoreScan,
  asked: string,
): RangeQuestion {
  expectKind(codec.spec, ['key-value', 'versioned'], asked)
  const bound = (key: unknown): string | undefined =>
    key === undefined || key === null ? undefined : codec.encodeKey(key)
  const { after: place, ...rest } = page(codec.spec, options)
  return { type: 'range', from: bound(from), to: bound(to), after: bound(after) ?? place, ...rest }
}

/** All rows of a store, of any kind. */
export function scanQuestion(codec: StoreCodec, scan: StoreScan): RangeQuestion | WindowsQuestion | SessionsQuestion {
  const { spec } = codec
  if (spec.kind === 'key-value' || spec.kind === 'versioned') return rangeQuestion(codec, scan, 'scan()')
  const { from, to, after, ...options } = scan
  if (from !== undefined || to !== undefined) throw refuse(spec, 'scan() with from and to')
  const question =
    spec.kind === 'window'
      ? windowsQuestion(codec, { key: null, from: 0, to: LATEST }, options, 'scan()')
      : sessionsQuestion(codec, { key: null }, options, 'scan()')
  return after === undefined ? question : { ...question, after: placeOf(codec, after, scan.reverse === true) }
}

/** The row under a key as rows have it. Key-value stores have a shorter way. */
export function rowQuestion(codec: StoreCodec, key: unknown): RangeQuestion | WindowsQuestion | SessionsQuestion {
  const { spec } = codec
  if (spec.kind === 'key-value' || spec.kind === 'versioned') {
    return rangeQuestion(codec, { from: key, to: key, limit: 1 }, 'get()')
  }
  const { key: inner, window } = windowed(spec, key)
  if (spec.kind === 'window') {
    return windowsQuestion(codec, { key: inner, from: window.start, to: window.start }, { limit: 1 }, 'get()')
  }
  return sessionsQuestion(codec, { key: inner, earliestEnd: window.end, latestStart: window.start }, {}, 'get()')
}

/** The row of exactly that key: for sessions, rowQuestion() may also return one that only contains the requested one. */
export function rowOf(rows: readonly StoredRow[], key: unknown): StoredRow | undefined {
  return rows.find(({ window }) => {
    if (window === undefined) return true
    const asked = (key as Windowed<unknown>).window
    return window.start === asked.start && window.end === asked.end
  })
}

export function asOfQuestion(codec: StoreCodec, key: unknown, asOf: number): AsOfQuestion {
  expectKind(codec.spec, ['versioned'], 'asOf()')
  return { type: 'as-of', key: codec.encodeKey(key), asOf: time('time', asOf) }
}

export function encodeCursor(position: string): string {
  return Buffer.from(position, 'latin1').toString('base64url')
}

function windowed(spec: StoreSpec, key: unknown): Windowed<unknown> {
  const found = windowedKey(spec, key)
  if (found === null) throw refuse(spec, 'get() with a key alone')
  return found
}

/** The place after all rows of a key in a window. */
function placeOf({ spec, encodeKey }: Pick<StoreCodec, 'spec' | 'encodeKey'>, key: unknown, reverse: boolean): string {
  const { key: inner, window } = windowed(spec, key)
  const { first, last } = placesOf(spec.kind === 'window' ? window.start : window.end, encodeKey(inner))
  return reverse ? first : last
}

function page({ kind }: StoreSpec, { limit, cursor, reverse = false }: PageOptions): QuestionPage {
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 0)) {
    throw new StreamsConfigError(`limit must be a whole number of rows, not ${limit}`)
  }
  // One row more than requested shows whether there are more.
  return { after: decodeCursor(kind, cursor), limit: (limit ?? MOST_ROWS) + 1, reverse }
}

const TIME_BYTES = 8

function decodeCursor(kind: Kind, cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined
  const position = Buffer.from(cursor, 'base64url').toString('latin1')
  const hasTime = position.length > TIME_BYTES && decodeInt(position, 0) <= LATEST / 2 ** 32
  if (encodeCursor(position) === cursor && (hasTime || kind === 'key-value' || kind === 'versioned')) return position
  throw new StreamsConfigError('this store did not give out that cursor: send the nextCursor of a page')
}

/** Checks an epoch ms that is part of a key. */
function time(name: string, value: number): number {
  if (typeof value !== 'number' || Number.isNaN(value)) {
    throw new StreamsConfigError(`${name} must be a time in epoch ms, not ${value}`)
  }
  return Math.min(LATEST, Math.max(0, Math.trunc(value)))
}
