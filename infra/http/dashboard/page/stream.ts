import { request } from './session.ts'

export interface StreamListener {
  /** `data` is parsed JSON. */
  onEvent(name: string, data: unknown): void
  onStatus(status: 'live' | 'connecting' | 'lost', why: string): void
}

const FIRST_WAIT_MS = 1000
const LONGEST_WAIT_MS = 15_000
/** The flow comes every second. */
const SILENCE_MS = 15_000

/**
 * Follows the server-sent events at `path` for ever: reconnects when they end, and pauses while the page is hidden. It uses
 * fetch, because an EventSource cannot send a token.
 */
export async function followEvents(path: string, listener: StreamListener): Promise<never> {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 2)) {
    await visible()
    listener.onStatus('connecting', '')
    try {
      await readOnce(path, (name, data) => {
        waitMs = FIRST_WAIT_MS
        listener.onStatus('live', '')
        listener.onEvent(name, data)
      })
      listener.onStatus('lost', 'the stream ended')
    } catch (error) {
      listener.onStatus('lost', error instanceof Error ? error.message : String(error))
    }
    await new Promise((resolve) => setTimeout(resolve, waitMs))
  }
}

async function readOnce(path: string, onEvent: (name: string, data: unknown) => void): Promise<void> {
  const abort = new AbortController()
  const onVisibility = (): void => {
    if (document.hidden) abort.abort(new Error('paused while hidden'))
  }
  document.addEventListener('visibilitychange', onVisibility)
  let silence = 0
  try {
    const response = await request(path, { signal: abort.signal })
    if (response.body === null) return
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    const parser = new EventParser(onEvent)
    for (;;) {
      clearTimeout(silence)
      silence = setTimeout(() => abort.abort(new Error('the server has been silent for too long')), SILENCE_MS)
      const { done, value } = await reader.read()
      if (done) return
      parser.push(value)
    }
  } finally {
    clearTimeout(silence)
    document.removeEventListener('visibilitychange', onVisibility)
  }
}

function visible(): Promise<void> {
  if (!document.hidden) return Promise.resolve()
  return new Promise((resolve) => {
    const look = (): void => {
      if (document.hidden) return
      document.removeEventListener('visibilitychange', look)
      resolve()
    }
    document.addEventListener('visibilitychange', look)
  })
}

/** The text/event-stream our server writes: `event:` and `data:` of one line each, an empty line behind. */
class EventParser {
  readonly #onEvent: (name: string, data: unknown) => void
  #parts: string[] = []

  constructor(onEvent: (name: string, data: unknown) => void) {
    this.#onEvent = onEvent
  }

  push(text: string): void {
    this.#parts.push(text)
    if (!text.includes('\n')) return
    const events = this.#parts.join('').split('\n\n')
    this.#parts = [events.pop() ?? '']
    for (const event of events) {
      const field = (name: string): string =>
        event
          .split('\n')
          .find((line) => line.startsWith(`${name}: `))
          ?.slice(name.length + 2) ?? ''
      this.#onEvent(field('event'), JSON.parse(field('data')))
    }
  }
}
