import { distanceFrom, RADIANS } from '../geo/great-circle.ts'
import {
  type FoundBatch,
  type FoundDriver,
  type FoundDrivers,
  LIST_HEAD,
  PICKUP_BYTES,
  TO_DECIMETRES,
  WIDE,
  WIDE_NUMBERS,
} from './found-batch.ts'
import { degreesOf, SmallReader } from './small-bytes.ts'

/** By how much decimetres may differ though the drivers are as far away as each other. */
const DECIMETRES_OFF = 1

/** Where one answer is being read. */
class FoundCursor implements FoundDriver {
  readonly bytes: Buffer
  /** Many ids begin with it. */
  readonly text: string
  /** Drivers of the request that are left. */
  left = 0
  isWide = false
  /** Where the pickup of a narrow list stands. */
  pickupAt = 0
  /** The driver at hand: from where to where, and the id's length. */
  at: number
  idAt = 0
  end: number
  /** How far away the driver is, in decimetres that may be one off. */
  decimetres = 0
  readonly #reader: SmallReader
  #nextList: number
  /** The pickup of a narrow list, and the cosine of its latitude; NaN until somebody asks. */
  readonly #pickup = { lat: 0, lng: 0 }
  #cosine = Number.NaN
  #up = 0
  #right = 0
  #idLength = 0

  constructor(answer: FoundBatch) {
    this.bytes = answer.bytes
    this.text = answer.text
    this.#nextList = answer.listsAt
    this.at = this.#nextList
    this.end = this.at
    this.#reader = new SmallReader(answer.bytes, this.at)
  }

  /** Where the id stands, or its rest behind the text. */
  get idFrom(): number {
    return this.end - (this.#idLength >>> 1)
  }

  /** The beginning of the id, if other bytes hold it. */
  get beginning(): string {
    return (this.#idLength & 1) === 0 ? '' : this.text
  }

  get driverId(): string {
    return this.beginning + this.bytes.toString('utf8', this.idFrom, this.end)
  }

  /** Metres, the very number that the task of drivers had. */
  get distance(): number {
    if (this.isWide) return this.bytes.readDoubleBE(this.at)
    const pickup = this.#pickup
    if (Number.isNaN(this.#cosine)) {
      pickup.lat = degreesOf(this.bytes.readInt32BE(this.pickupAt))
      pickup.lng = degreesOf(this.bytes.readInt32BE(this.pickupAt + 4))
      this.#cosine = Math.cos(pickup.lat * RADIANS)
    }
    return distanceFrom(pickup, this.#cosine, degreesOf(this.latUnits), degreesOf(this.lngUnits))
  }

  /** In a narrow list. */
  get latUnits(): number {
    return this.bytes.readInt32BE(this.pickupAt) + this.#up
  }

  /** In a narrow list. */
  get lngUnits(): number {
    return this.bytes.readInt32BE(this.pickupAt + 4) + this.#right
  }

  get lat(): number {
    return this.isWide ? this.bytes.readDoubleBE(this.at + 8) : degreesOf(this.latUnits)
  }

  get lng(): number {
    return this.isWide ? this.bytes.readDoubleBE(this.at + 16) : degreesOf(this.lngUnits)
  }

  nextRequest(): void {
    const { bytes } = this
    const start = this.#nextList
    const first = bytes.readUInt8(start)
    this.left = first & ~WIDE
    if (this.left === 0) {
      this.isWide = false
      this.#nextList = start + 1
      return
    }
    this.isWide = first >= WIDE
    this.#cosine = Number.NaN
    this.pickupAt = start + LIST_HEAD
    this.#nextList = this.pickupAt + bytes.readUInt16BE(start + 1)
    this.#reader.position = this.isWide ? this.pickupAt : this.pickupAt + PICKUP_BYTES
    this.#look()
  }

  skip(): void {
    if (--this.left > 0) this.#look()
  }

  isBefore(other: FoundCursor): boolean {
    if (Math.abs(this.decimetres - other.decimetres) > DECIMETRES_OFF) return this.decimetres < other.decimetres
    const [here, there] = [this.distance, other.distance]
    return here === there ? this.driverId < other.driverId : here < there
  }

  #look(): void {
    const reader = this.#reader
    this.at = reader.position
    if (this.isWide) {
      this.decimetres = Math.floor(this.distance * TO_DECIMETRES)
      reader.position += WIDE_NUMBERS
    } else {
      this.decimetres = reader.small()
      this.#up = reader.signed()
      this.#right = reader.signed()
    }
    this.idAt = reader.position
    this.#idLength = reader.small()
    reader.position += this.#idLength >>> 1
    this.end = reader.position
  }
}

/*
 * Puts the answers to one batch together, request by request. A driver is in one partition, so in one answer only.
 */
export class FoundMerge implements FoundDrivers {
  readonly count: number
  /** JSON of OfferRequest[]; empty when no answer has brought them. */
  readonly requests: Buffer
  /** Many ids begin with it. */
  readonly text: string
  isWide = false
  #first: FoundCursor | null = null
  readonly #cursors: readonly FoundCursor[]

  /** @param answers one at least */
  constructor(answers: readonly [FoundBatch, ...FoundBatch[]]) {
    const [first] = answers
    this.count = first.count
    this.requests = (answers.find(({ requests }) => requests.length > 0) ?? first).requests
    this.#cursors = answers.map((answer) => new FoundCursor(answer))
    this.text = this.#cursors.find(({ text }) => text !== '')?.text ?? ''
  }

  begin(): FoundCursor | null {
    this.isWide = false
    for (const cursor of this.#cursors) {
      cursor.nextRequest()
      if (cursor.isWide) this.isWide = true
    }
    return this.#toFirst()
  }

  next(): FoundCursor | null {
    this.#first?.skip()
    return this.#toFirst()
  }

  #toFirst(): FoundCursor | null {
    let first: FoundCursor | null = null
    for (const cursor of this.#cursors) {
      if (cursor.left > 0 && (first === null || cursor.isBefore(first))) first = cursor
    }
    this.#first = first
    return first
  }
}
