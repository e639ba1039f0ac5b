import type { Serde } from '../../topology/index.ts'
import type { Point } from '../geo/great-circle.ts'
import { NO_UNITS, NUMBERS, UNITS } from './driver-table.ts'
import type { Nearest } from './nearest.ts'
import { MAX_OFFERS } from './offer.ts'
import { checkForm, degreesOf, mostIdBytes, unitsOf, viewOf, writeId, writeSigned, writeSmall } from './small-bytes.ts'

/*
 * Records of the repartition topic of found drivers: what one task of drivers has found for a batch of requests, under the batch's name.
 * They are bytes, and few, because each request makes ten drivers for each task of drivers.
 *
 * A record is `form, task, tasks, number of requests, where the requests stand` (4 bytes each but the form) and a text with which many
 * ids begin, its length (1 byte) before it. Then comes a list of drivers for each request; then the requests as JSON, from task 0 alone.
 *
 * A list begins with the number of drivers (1 byte) and, if there is one, how many bytes follow (2 bytes). In a narrow list comes the
 * pickup, `lat, lng` in units (4 bytes each), and each driver is `decimetres, lat, lng` (the last two as units from the pickup),
 * twice the length of the id, one more when the common text stands before it, and the id in UTF-8; the numbers are small ones. In a wide
 * list something has more decimals than units have: 0x80 is added to its first byte, and a driver is `metres, lat, lng` (8 bytes each),
 * length and id as before.
 */

/** The first byte names the form; another version has another one. */
const FORM = 3
const TEXT_LENGTH = 17
const FOUND_HEAD = 18
export const WIDE = 0x80
export const WIDE_NUMBERS = 24
export const LIST_HEAD = 3
export const PICKUP_BYTES = 8
const FIRST_BYTES = 16_384
/** Differences are below it. */
const MOST_SIGNED = 2 ** 30
/** Distances are compared by decimetres first, which may be one off: they come from a flat map. */
export const TO_DECIMETRES = 10

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

  /** JSON of OfferRequest[]; empty: the answer of another task has them. */
  get requests(): Buffer {
    return this.bytes.subarray(this.bytes.readUInt32BE(13))
  }

  /** Many ids begin with it. */
  get text(): string {
    return this.bytes.toString('latin1', FOUND_HEAD, this.listsAt)
  }

  get listsAt(): number {
    return FOUND_HEAD + this.bytes.readUInt8(TEXT_LENGTH)
  }

  /** One to keep: the bytes of a record that was read are part of a broker's answer, and keep all of it in memory. */
  copy(): FoundBatch {
    const own = Buffer.allocUnsafeSlow(this.bytes.length)
    this.bytes.copy(own)
    return new FoundBatch(own)
  }
}

/** A driver where it stands in an answer: its numbers from `at`, its id from `idAt`, both until `end`. */
export interface FoundDriver extends Point {
  readonly bytes: Buffer
  readonly text: string
  readonly isWide: boolean
  /** Where the pickup of a narrow list stands. */
  readonly pickupAt: number
  readonly at: number
  readonly idAt: number
  readonly end: number
  readonly driverId: string
  /** The id is `beginning`, which is ASCII, and the UTF-8 from `idFrom` to `end`. */
  readonly beginning: string
  readonly idFrom: number
  /** Metres. */
  readonly distance: number
  /** Whole units of the position, in a narrow list. */
  readonly latUnits: number
  readonly lngUnits: number
}

/** The drivers of several answers, request by request, nearest first. */
export interface FoundDrivers {
  /** True when one of the lists of the request is wide. */
  readonly isWide: boolean
  /** Goes to the next request. Answers its nearest driver; null: it has none. */
  begin(): FoundDriver | null
  /** The driver behind the last answer, which is no longer good. */
  next(): FoundDriver | null
}

/** Writes one answer after the other. */
export class FoundWriter {
  #bytes: Buffer
  #numbers: DataView
  #at = 0
  #task = 0
  #tasks = 0
  #count = 0
  /** null: it is that of the table of drivers, once there is one. */
  #text: string | null = null

  /** @param firstBytes what one answer is likely to need; it grows */
  constructor(firstBytes = FIRST_BYTES) {
    this.#bytes = Buffer.allocUnsafeSlow(firstBytes)
    this.#numbers = viewOf(this.#bytes)
  }

  /** @param text many ids begin with it; null: the one of the table of drivers */
  begin(task: number, tasks: number, count: number, text: string | null = null): void {
    this.#task = task
    this.#tasks = tasks
    this.#count = count
    this.#text = text
    this.#at = 0
  }

  /** The next request's. @param nearest of the same table for all requests of the answer */
  add(pickup: Point, nearest: Nearest): void {
    const { length: count } = nearest
    const { table } = nearest
    const most = WIDE_NUMBERS + mostIdBytes(table.longestId)
    const bytes = this.#room(LIST_HEAD + PICKUP_BYTES + count * most)
    if (count === 0) {
      bytes[this.#at++] = 0
      return
    }
    if (this.#text === null) {
      table.idBytes.begin()
      this.#text = table.idBytes.text
    }
    const start = this.#at
    if (this.#addNarrow(pickup, nearest)) this.#endList(start, count)
    else {
      this.#at = start + LIST_HEAD
      const { slots } = nearest
      for (let i = 0; i < count; i++) {
        const slot = slots[i] as number
        const at = slot * NUMBERS
        const [lat, lng] = [table.numbers[at] as number, table.numbers[at + 1] as number]
        this.#addWide(table.ids[slot] as string, nearest.distance(i), lat, lng)
      }
      this.#endList(start, WIDE | count)
    }
  }

  /** The next request's, as they stand in other answers. */
  addFrom(found: FoundDrivers): void {
    const first = found.begin()
    const { isWide } = found
    this.#room(LIST_HEAD + PICKUP_BYTES)
    const start = this.#at
    if (first === null) {
      this.#bytes[this.#at++] = 0
      return
    }
    this.#at += LIST_HEAD
    if (!isWide) {
      first.bytes.copy(this.#bytes, this.#at, first.pickupAt, first.pickupAt + PICKUP_BYTES)
      this.#at += PICKUP_BYTES
    }
    let drivers = 0
    for (let next: FoundDriver | null = first; next !== null && drivers < MAX_OFFERS; next = found.next()) {
      if (isWide) this.#copyWide(next)
      else this.#copyNarrow(next)
      drivers++
    }
    this.#endList(start, isWide ? WIDE | drivers : drivers)
  }

  /** @param requests empty: they are elsewhere */
  end(requests: Buffer): Buffer {
    const text = this.#text ?? ''
    const lists = FOUND_HEAD + text.length
    const bytes = Buffer.allocUnsafe(lists + this.#at + requests.length)
    bytes[0] = FORM
    bytes.writeUInt32BE(this.#task, 1)
    bytes.writeUInt32BE(this.#tasks, 5)
    bytes.writeUInt32BE(this.#count, 9)
    bytes.writeUInt32BE(lists + this.#at, 13)
    bytes[TEXT_LENGTH] = bytes.write(text, FOUND_HEAD, 'latin1')
    this.#bytes.copy(bytes, lists, 0, this.#at)
    requests.copy(bytes, lists + this.#at)
    this.#at = 0
    return bytes
  }

  /** False when something has more decimals than units have. */
  #addNarrow(pickup: Point, { length, table, slots, squares }: Nearest): boolean {
    const bytes = this.#bytes
    const { units, idBytes } = table
    const lat = unitsOf(pickup.lat)
    const lng = unitsOf(pickup.lng)
    if (degreesOf(lat) !== pickup.lat || degreesOf(lng) !== pickup.lng) return false
    let at = this.#at + LIST_HEAD
    this.#numbers.setInt32(at, lat)
    this.#numbers.setInt32(at + 4, lng)
    at += PICKUP_BYTES
    for (let i = 0; i < length; i++) {
      const slot = slots[i] as number
      const up = units[slot * UNITS] as number
      const right = units[slot * UNITS + 1] as number
      if (up === NO_UNITS) return false
      // Over the date line they are far apart.
      if (Math.abs(right - lng) >= MOST_SIGNED) return false
      at = writeSmall(bytes, at, Math.floor(Math.sqrt(squares[i] as number) * TO_DECIMETRES))
      at = writeSigned(bytes, at, up - lat)
      at = writeSigned(bytes, at, right - lng)
      at = idBytes.copy(slot, bytes, at)
    }
    this.#at = at
    return true
  }

  #endList(start: number, first: number): void {
    this.#bytes[start] = first
    this.#numbers.setUint16(start + 1, this.#at - start - LIST_HEAD)
  }

  #addWide(driverId: string, distance: number, lat: number, lng: number): void {
    const numbers = this.#numbers
    const at = this.#at
    numbers.setFloat64(at, distance)
    numbers.setFloat64(at + 8, lat)
    numbers.setFloat64(at + 16, lng)
    this.#at = writeId(this.#bytes, at + WIDE_NUMBERS, driverId, this.#text ?? '')
  }

  #copyWide({ driverId, distance, lat, lng }: FoundDriver): void {
    this.#room(WIDE_NUMBERS + mostIdBytes(driverId.length))
    this.#addWide(driverId, distance, lat, lng)
  }

  #copyNarrow(from: FoundDriver): void {
    const isSame = from.text === this.#text
    const end = isSame ? from.end : from.idAt
    const driverId = isSame ? '' : from.driverId
    const bytes = this.#room(end - from.at + mostIdBytes(driverId.length))
    from.bytes.copy(bytes, this.#at, from.at, end)
    this.#at += end - from.at
    if (!isSame) this.#at = writeId(bytes, this.#at, driverId, this.#text ?? '')
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

export const foundSerde: Serde<FoundBatch> = {
  serialize: (_topic, { bytes }) => bytes,
  deserialize(topic, bytes) {
    checkForm(topic, bytes, FORM)
    return new FoundBatch(bytes)
  },
}
