import { setTimeout as sleep } from 'node:timers/promises'

export interface ServerSentEvent {
  readonly event: string
  readonly data: unknown
}

/** Reads a stream of server-sent events, one at a time. */
export class SseClient {
  readonly status: number
  readonly headers: Headers
  readonly #abort: AbortController
  readonly #events: AsyncGenerator<ServerSentEvent>

  /** @throws Error with the body when the answer is no stream */
  static async open(url: string, headers: Record<string, string> = {}): Promise<SseClient> {
    const abort = new AbortController()
    const response = await fetch(url, { headers, signal: abort.signal })
    if (response.headers.get('content-type')?.startsWith('text/event-stream') !== true) {
      throw new Error(`${response.status} ${await response.text()}`)
    }
    return new SseClient(response, abort)
  }

  private constructor(response: Response, abort: AbortController) {
    this.status = response.status
    this.headers = response.headers
    this.#abort = abort
    this.#events = eventsOf(response)
  }

  /** null at the end of the stream. @throws Error when nothing comes in time */
  async next(timeoutMs = 60_000): Promise<ServerSentEvent | null> {
    const late = sleep(timeoutMs, 'late' as const, { ref: false })
    const next = await Promise.race([this.#events.next(), late])
    if (next === 'late') throw new Error('no event')
    return next.done === true ? null : next.value
  }

  close(): void {
    this.#abort.abort()
  }
}

async function* eventsOf(response: Response): AsyncGenerator<ServerSentEvent> {
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true })
    const blocks = text.split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const event = /^event: (.*)$/m.exec(block)?.[1]
      const data = /^data: (.*)$/m.exec(block)?.[1]
      if (event !== undefined && data !== undefined) yield { event, data: JSON.parse(data) }
    }
  }
}
