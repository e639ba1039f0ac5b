import { KafkaConnectionError } from './protocol-error.ts'

/** Our fetches are bounded, so no answer is longer: bytes that claim more are no Kafka answer. */
const MAX_MESSAGE_BYTES = 256 * 1024 * 1024
const SIZE_BYTES = 4

/*
 * Cuts a stream of bytes into messages: each is its length as int32, then that many bytes.
 * 1. Bytes given to push() are copied: the caller may use their memory again.
 * 2. A message is one Buffer of its own, so views into it stay valid as long as they are held.
 */
export class MessageFramer {
  readonly #onMessage: (message: Buffer) => void
  readonly #size = Buffer.alloc(SIZE_BYTES)
  #sizeFilled = 0
  #message: Buffer | null = null
  #filled = 0

  constructor(onMessage: (message: Buffer) => void) {
    this.#onMessage = onMessage
  }

  /** Takes `length` bytes of the chunk. @throws KafkaConnectionError when they cannot be Kafka's */
  push(chunk: Uint8Array, length: number): void {
    let at = 0
    while (at < length) {
      if (this.#message === null) {
        while (this.#sizeFilled < SIZE_BYTES && at < length) this.#size[this.#sizeFilled++] = chunk[at++] as number
        if (this.#sizeFilled < SIZE_BYTES) return
        this.#begin()
      }
      const message = this.#message as Buffer | null
      if (message === null) continue
      const part = Math.min(length - at, message.length - this.#filled)
      message.set(chunk.subarray(at, at + part), this.#filled)
      at += part
      this.#filled += part
      if (this.#filled < message.length) continue
      this.#message = null
      this.#sizeFilled = 0
      this.#onMessage(message)
    }
  }

  #begin(): void {
    const [type, major] = this.#size
    const size = this.#size.readInt32BE(0)
    if (size < 0 || size > MAX_MESSAGE_BYTES) {
      // 0x14 to 0x17, then version 3.x: the beginning of a TLS record.
      const isTls = type !== undefined && type >= 0x14 && type <= 0x17 && major === 3
      throw new KafkaConnectionError(isTls ? BROKER_REQUIRES_TLS : `an answer of ${size} bytes is no answer of Kafka`)
    }
    this.#message = Buffer.allocUnsafe(size)
    this.#filled = 0
  }
}

export const BROKER_REQUIRES_TLS = 'the broker requires TLS'
