import type { Serde } from '../../topology/index.ts'
import type { Pickup } from './driver-grid.ts'
import { MAX_OFFERS, Nearest } from './offer.ts'

/*
 * Records of the two repartition topics of trip.offers. One record holds all requests that a task took between two commits (or
 * MOST_REQUESTS of them). Another holds the drivers that one task of drivers has found for them. They are bytes, because each request
 * makes a row of drivers for each task of drivers. Both records have the batch's name as key.
 *
 * A question is `form, number of requests, partition of the trips` (4 bytes each but the form), then for each request
 * `lat, lng, since` (8 bytes each), then the requests as JSON.
 * An answer is `form, task, tasks, number of requests` (4 bytes each but the form), then for each request the number of drivers (1 byte)
 * and for each driver `distance, lat, lng` (8 bytes each), length of the id (2 bytes) and the id in UTF-8; then the requests, from
 * task 0 alone.
 */

/** The first byte names the form; another version has another one. */
const FORM = 1
const ASKED_HEAD = 9
const FOUND_HEAD = 13
const PICKUP_BYTES = 24
const DRIVER_BYTES = 26
const FIRST_BYTES = 16_384
/** UTF-8 of one UTF-16 code unit. */
const MOST_UNIT_BYTES = 3

/** A request, as its offer needs it. */
export type OfferRequest = readonly [
  tripId: string,
  at: number,
  lat: number,
  lng: number,
  address: string | null,
  /** The timestamp of the request's record. */
  timestamp: number,
  headers: readonly (readonly [key: string, text: string])[],
]

export interface AskedBatch {
  readonly type: 'asked'
  /** The partition of the trips: their offers are put together in that task, too. */
  readonly asker: number
  readonly pickups: readonly Pickup[]
  /** JSON of OfferRequest[]. */
  readonly requests: Buffer
}

/** A name that no other batch has: of the first of its requests, where it stands in the topic. */
export function batchName(asker: number, offset: number, requests: number): string {
  return `${asker}@${offset}+${requests}`
}

/** The requests of a batch, or none when the answer of another task carries them. */
export function requestsIn(bytes: Buffer | null): readonly OfferRequest[] {
  return bytes === null ? [] : (JSON.parse(bytes.toString('utf8')) as OfferRequest[])
}

export const askedSerde: Serde<AskedBatch> = {
  serialize(_topic, { asker, pickups, requests }) {
    const bytes = Buffer.allocUnsafe(ASKED_HEAD + pickups.length * PICKUP_BYTES + requests.length)
    const numbers = viewOf(bytes)
    bytes[0] = FORM
    bytes.writeUInt32BE(pickups.length, 1)
    bytes.writeUInt32BE(asker, 5)
    let at = ASKED_HEAD
    for (const { lat, lng, since } of pickups) {
      numbers.setFloat64(at, lat)
      numbers.setFloat64(at + 8, lng)
      numbers.setFloat64(at + 16, since)
      at += PICKUP_BYTES
    }
    requests.copy(bytes, at)
    return bytes
  },
  deserialize(topic, bytes) {
    checkForm(topic, bytes)
    const pickups: Pickup[] = []
    const numbers = viewOf(bytes)
    const asker = bytes.readUInt32BE(5)
    let at = ASKED_HEAD
    for (let left = bytes.readUInt32BE(1); left > 0; left--) {
      const since = numbers.getFloat64(at + 16)
      pickups.push({ lat: numbers.getFloat64(at), lng: numbers.getFloat64(at + 8), since })
      at += PICKUP_BYTES
    }
    return { type: 'asked', asker, pickups, requests: bytes.subarray(at) }
  },
}

/** The answer of one task of drivers to a batch; or of several, put together. */
export class FoundBatch {
  readonly bytes: Buffer
  readonly asker: number

  /** @param asker of use on the way out only */
  constructor(bytes: Buffer, asker = -1) {
    this.bytes = bytes
    this.asker = asker
  }

  get task(): number {
    return this.bytes.readUInt32BE(1)
  }

  /** How many tasks answer. */
  get tasks(): number {
    return this.bytes.readUInt32BE(5)
  }

  get count(): number {
    return this.bytes.readUInt32BE(9)
  }
}

/** Writes one answer after the other. */
export class FoundWriter {
  #bytes: Buffer
  #numbers: DataView
  #at = 0

  /** @param firstBytes what one answer is likely to need; it grows */
  constructor(firstBytes = FIRST_BYTES) {
    this.#bytes = Buffer.allocUnsafeSlow(firstBytes)
    this.#numbers = viewOf(this.#bytes)
  }

  begin(task: number, tasks: number, count: number): void {
    const bytes = this.#room(FOUND_HEAD)
    bytes[0] = FORM
    bytes.writeUInt32BE(task, 1)
    bytes.writeUInt32BE(tasks, 5)
    bytes.writeUInt32BE(count, 9)
    this.#at = FOUND_HEAD
  }

  /** The next request's. */
  add({ length: count, driverIds, distances, lats, lngs }: Nearest): void {
    let size = 1
    for (let i = 0; i < count; i++) size += DRIVER_BYTES + (driverIds[i] as string).length * MOST_UNIT_BYTES
    const bytes = this.#room(size)
    const numbers = this.#numbers
    let at = this.#at
    bytes[at++] = count
    for (let i = 0; i < count; i++) {
      numbers.setFloat64(at, distances[i] as number)
      numbers.setFloat64(at + 8, lats[i] as number)
      numbers.setFloat64(at + 16, lngs[i] as number)
      const length = writeText(bytes, at + DRIVER_BYTES, driverIds[i] as string)
      numbers.setUint16(at + 24, length)
      at += DRIVER_BYTES + length
    }
    this.#at = at
  }

  /** The next request's, as they stand in other answers. */
  addFrom(merge: FoundMerge): void {
    this.#room(1)
    const count = this.#at++
    let drivers = 0
    for (let first = merge.begin(); first !== null && drivers < MAX_OFFERS; first = merge.after(first)) {
      const size = first.end - first.at
      first.bytes.copy(this.#room(size), this.#at, first.at, first.end)
      this.#at += size
      drivers++
    }
    this.#bytes[count] = drivers
  }

  /** @param requests empty: they are elsewhere */
  end(requests: Buffer): Buffer {
    const bytes = Buffer.allocUnsafe(this.#at + requests.length)
    this.#bytes.copy(bytes, 0, 0, this.#at)
    requests.copy(bytes, this.#at)
    this.#at = 0
    return bytes
  }

  #room(size: number): Buffer {
    if (this.#at + size > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow((this.#at + size) * 2)
      this.#bytes.copy(grown, 0, 0, this.#at)
      this.#bytes = grown
      this.#numbers = viewOf(grown)
    }
    return this.#bytes
  }
}

/** Where one answer is being read. */
class FoundCursor {
  readonly bytes: Buffer
  readonly numbers: DataView
  at = FOUND_HEAD
  /** Behind the driver at `at`. */
  end = FOUND_HEAD
  /** Drivers of the request that are left. */
  left = 0
  /** Distance of the driver at `at`. */
  distance = 0

  constructor({ bytes }: FoundBatch) {
    this.bytes = bytes
    this.numbers = viewOf(bytes)
  }

  get driverId(): string {
    return this.bytes.toString('utf8', this.at + DRIVER_BYTES, this.end)
  }

  nextRequest(): void {
    while (this.left > 0) this.skip()
    this.left = this.bytes[this.at++] as number
    this.#look()
  }

  skip(): void {
    this.at = this.end
    this.left--
    this.#look()
  }

  isBefore(other: FoundCursor): boolean {
    return this.distance === other.distance ? this.driverId < other.driverId : this.distance < other.distance
  }

  #look(): void {
    if (this.left === 0) return
    this.distance = this.numbers.getFloat64(this.at)
    this.end = this.at + DRIVER_BYTES + this.numbers.getUint16(this.at + 24)
  }
}

/*
 * Puts the answers to one batch together, request by request. A driver is in one partition, so in one answer only.
 */
export class FoundMerge {
  readonly count: number
  /** JSON of OfferRequest[]; null when no answer has brought them. */
  readonly requests: Buffer | null
  readonly #cursors: readonly FoundCursor[]
  readonly #nearest = new Nearest()

  /** @param answers one at least */
  constructor(answers: readonly FoundBatch[]) {
    this.count = answers[0]?.count ?? 0
    this.#cursors = answers.map((answer) => new FoundCursor(answer))
    this.requests = requestsOf(answers)
  }

  /** The nearest of all for the next request; good until the next call. */
  next(): Nearest {
    const nearest = this.#nearest
    nearest.clear()
    for (let first = this.begin(); first !== null && nearest.length < MAX_OFFERS; first = this.after(first)) {
      const { numbers, at } = first
      nearest.add(first.driverId, first.distance, numbers.getFloat64(at + 8), numbers.getFloat64(at + 16))
    }
    return nearest
  }

  /** Goes to the next request. Answers where its nearest driver stands; null: it has none. */
  begin(): FoundCursor | null {
    for (const cursor of this.#cursors) cursor.nextRequest()
    return this.#first()
  }

  /** Where the next driver stands. @param before the last answer */
  after(before: FoundCursor): FoundCursor | null {
    before.skip()
    return this.#first()
  }

  #first(): FoundCursor | null {
    let first: FoundCursor | null = null
    for (const cursor of this.#cursors) {
      if (cursor.left > 0 && (first === null || cursor.isBefore(first))) first = cursor
    }
    return first
  }
}

/** Looks no further than the first answer that has them. */
function requestsOf(answers: readonly FoundBatch[]): Buffer | null {
  for (const answer of answers) {
    const requests = requestsBehind(answer)
    if (requests.length > 0) return requests
  }
  return null
}

/** The bytes after the drivers. */
function requestsBehind(answer: FoundBatch): Buffer {
  const cursor = new FoundCursor(answer)
  for (let i = answer.count; i > 0; i--) cursor.nextRequest()
  while (cursor.left > 0) cursor.skip()
  return answer.bytes.subarray(cursor.at)
}

export const NO_REQUESTS = Buffer.alloc(0)

export const foundSerde: Serde<FoundBatch> = {
  serialize: (_topic, { bytes }) => bytes,
  deserialize(topic, bytes) {
    checkForm(topic, bytes)
    return new FoundBatch(bytes)
  },
}

function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength)
}

/** Most ids are short and ASCII: bytes one by one cost less than a call of native code. */
function writeText(bytes: Buffer, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return bytes.write(text, at, 'utf8')
    bytes[at + i] = code
  }
  return text.length
}

function checkForm(topic: string, bytes: Buffer): void {
  if (bytes[0] !== FORM)
    throw new RangeError(`${topic}: a record in a form (${bytes[0]}) that this version does not know`)
}
