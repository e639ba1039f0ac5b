/** The side of an EventStream that senders of states see. */
export interface StateSink {
  /** The client has not taken all that was sent. */
  readonly isBlocked: boolean
  /** Calls the listener once the sent data has gone out, or never. */
  onDrain(listener: () => void): void
  /** `json`: one line. */
  send(event: string, json: string): void
}

/*
 * Sends one client a state whenever it has changed.
 * 1. Each text is sent once in a row; one that is overtaken while the client is busy is skipped.
 */
export class LiveState {
  readonly #stream: StateSink
  readonly #event: string
  #latest: string | null = null
  #sent: string | null = null
  #isWaiting = false

  constructor(stream: StateSink, event: string) {
    this.#stream = stream
    this.#event = event
  }

  /** One line of JSON. */
  set(json: string): void {
    this.#latest = json
    this.#send()
  }

  #send(): void {
    if (this.#isWaiting || this.#latest === null || this.#latest === this.#sent) return
    if (this.#stream.isBlocked) {
      this.#isWaiting = true
      this.#stream.onDrain(() => {
        this.#isWaiting = false
        this.#send()
      })
      return
    }
    this.#sent = this.#latest
    this.#stream.send(this.#event, this.#latest)
  }
}
