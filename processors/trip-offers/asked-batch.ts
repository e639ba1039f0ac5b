import { type Headers, type Serde, TextHeader } from '../../topology/index.ts'
import { CORRELATION_ID, correlationHeaders } from '../events/correlation-headers.ts'
import type { Pickup } from './nearest.ts'
import { checkForm, degreesOf, SmallReader, unitsOf, viewOf, writeSigned } from './small-bytes.ts'

/*
 * Records of the repartition topic of requests. One holds all requests that a task took between two commits (or MOST_REQUESTS of them),
 * and has the batch's name as key. All tasks of drivers get the pickups; task 0 alone gets the requests too, and sends them on.
 *
 * A record is `form, width, number of requests, partition of the trips` (1, 1, 4, 4 bytes), `since` of the first request (8), then for
 * each request either `lat, lng` in units (4 bytes each) and how much later its `since` is than the one before, or, when one of them
 * does not fit, `lat, lng, since` (8 bytes each); then the requests as JSON.
 */

/** The first byte names the form; another version has another one. */
const FORM = 2
const HEAD = 18
const NARROW = 0
const WIDE = 1
const WIDE_BYTES = 24
/** Two positions, and what writeSigned() takes at most. */
const NARROW_BYTES = 13
/** Differences are below it. */
const MOST_SIGNED = 2 ** 30

/** A request, as its offer needs it. */
export type OfferRequest = readonly [
  tripId: string,
  at: number,
  lat: number,
  lng: number,
  address: string | null,
  /** The timestamp of the request's record. */
  timestamp: number,
  /** The correlation id alone, when there is no other header. */
  headers: string | readonly (readonly [key: string, text: string])[],
]

export interface AskedBatch {
  readonly type: 'asked'
  /** The partition of the trips: their offers are put together in that task, too. */
  readonly asker: number
  readonly pickups: readonly Pickup[]
  /** JSON of OfferRequest[]; empty: task 0 has them. */
  readonly requests: Buffer
}

/** The requests are elsewhere. */
export const NO_REQUESTS = Buffer.alloc(0)

/** A name that no other batch has: of the first of its requests, where it stands in the topic. */
export function batchName(asker: number, offset: number, requests: number): string {
  return `${asker}@${offset}+${requests}`
}

/** The requests of a batch, or none when the record of another task carries them. */
export function requestsIn(bytes: Buffer): readonly OfferRequest[] {
  return bytes.length === 0 ? [] : (JSON.parse(bytes.toString('utf8')) as OfferRequest[])
}

export function headerTexts(headers: Headers): OfferRequest[6] {
  if (headers.length === 0) return []
  const texts = [...headers].map(({ key, value }) => [key, value === null ? '' : value.toString('utf8')] as const)
  const [first] = texts
  return texts.length === 1 && first?.[0] === CORRELATION_ID ? first[1] : texts
}

export function headersOf(texts: OfferRequest[6]): Headers {
  if (typeof texts === 'string') return correlationHeaders(texts)
  return texts.map(([key, text]) => new TextHeader(key, text))
}

export const askedSerde: Serde<AskedBatch> = {
  serialize(_topic, { asker, pickups, requests }) {
    const isNarrow = areNarrow(pickups)
    const most = HEAD + pickups.length * (isNarrow ? NARROW_BYTES : WIDE_BYTES)
    const bytes = Buffer.allocUnsafe(most + requests.length)
    bytes[0] = FORM
    bytes[1] = isNarrow ? NARROW : WIDE
    bytes.writeUInt32BE(pickups.length, 2)
    bytes.writeUInt32BE(asker, 6)
    bytes.writeDoubleBE(pickups[0]?.since ?? 0, 10)
    const end = isNarrow ? writeNarrow(bytes, pickups) : writeWide(bytes, pickups)
    return bytes.subarray(0, end + requests.copy(bytes, end))
  },
  deserialize(topic, bytes) {
    checkForm(topic, bytes, FORM)
    const reader = new SmallReader(bytes, HEAD)
    const pickups = bytes[1] === NARROW ? readNarrow(reader) : readWide(reader)
    return { type: 'asked', asker: bytes.readUInt32BE(6), pickups, requests: bytes.subarray(reader.position) }
  },
}

function areNarrow(pickups: readonly Pickup[]): boolean {
  let before = pickups[0]?.since ?? 0
  for (const { lat, lng, since } of pickups) {
    if (degreesOf(unitsOf(lat)) !== lat || degreesOf(unitsOf(lng)) !== lng) return false
    const later = laterBy(since, before)
    if (!Number.isInteger(later) || Math.abs(later) >= MOST_SIGNED) return false
    before = since
  }
  return true
}

/** Without a limit both are -Infinity. */
function laterBy(since: number, before: number): number {
  return since === before ? 0 : since - before
}

function writeNarrow(bytes: Buffer, pickups: readonly Pickup[]): number {
  let before = pickups[0]?.since ?? 0
  let at = HEAD
  for (const { lat, lng, since } of pickups) {
    bytes.writeInt32BE(unitsOf(lat), at)
    bytes.writeInt32BE(unitsOf(lng), at + 4)
    at = writeSigned(bytes, at + 8, laterBy(since, before))
    before = since
  }
  return at
}

function readNarrow(reader: SmallReader): Pickup[] {
  const { bytes } = reader
  const pickups: Pickup[] = []
  let since = bytes.readDoubleBE(10)
  for (let left = bytes.readUInt32BE(2); left > 0; left--) {
    const at = reader.position
    reader.position += 8
    since += reader.signed()
    pickups.push({ lat: degreesOf(bytes.readInt32BE(at)), lng: degreesOf(bytes.readInt32BE(at + 4)), since })
  }
  return pickups
}

function writeWide(bytes: Buffer, pickups: readonly Pickup[]): number {
  const numbers = viewOf(bytes)
  let at = HEAD
  for (const { lat, lng, since } of pickups) {
    numbers.setFloat64(at, lat)
    numbers.setFloat64(at + 8, lng)
    numbers.setFloat64(at + 16, since)
    at += WIDE_BYTES
  }
  return at
}

function readWide(reader: SmallReader): Pickup[] {
  const pickups: Pickup[] = []
  const numbers = viewOf(reader.bytes)
  for (let left = reader.bytes.readUInt32BE(2); left > 0; left--) {
    const at = reader.position
    pickups.push({ lat: numbers.getFloat64(at), lng: numbers.getFloat64(at + 8), since: numbers.getFloat64(at + 16) })
    reader.position += WIDE_BYTES
  }
  return pickups
}
