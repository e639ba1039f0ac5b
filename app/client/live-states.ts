import { setTimeout as sleep } from 'node:timers/promises'
import { createParser } from 'eventsource-parser'
import { ClientError, UnavailableError } from './errors.ts'
import type { InstanceHttp } from './instance-http.ts'

export interface LiveOptions {
  /** Name of the events that carry a state. */
  readonly event: string
  /** Ends the states. */
  readonly signal?: AbortSignal | undefined
  /** How long to try to reach a server that is gone, ms. */
  readonly patienceMs: number
}

/** The server sends a heartbeat every 15 s: a connection that is silent for longer than some of them is dead. */
const SILENCE_MS = 50_000
/** Pause between two connections, unless the server sets another. */
const RECONNECT_MS = 1000

/** A page of a cell has some 150 kB at most. In UTF-16 code units. */
const MAX_WAITING = 4 * 1024 * 1024

/**
 * The states of an event stream as JSON texts, each once in a row, over as many connections as it takes: a stream ends when the
 * data move to another instance. @throws ClientError as a question does; UnavailableError when no connection is made for patienceMs
 */
export async function* liveStates(http: InstanceHttp, path: string, options: LiveOptions): AsyncGenerator<string> {
  const { event: wanted, signal, patienceMs } = options
  let last: string | null = null
  let pauseMs = RECONNECT_MS
  let lostAt = performance.now()
  const isEnded = (): boolean => signal?.aborted === true
  while (!isEnded()) {
    const silence = new AbortController()
    const watchdog = setTimeout(() => silence.abort(), SILENCE_MS).unref()
    let isConnected = false
    try {
      const connection = signal === undefined ? silence.signal : AbortSignal.any([silence.signal, signal])
      const { body } = await http.open(path, { signal: connection })
      isConnected = true
      const texts: string[] = []
      const parser = createParser({
        maxBufferSize: MAX_WAITING,
        onEvent: ({ event, data }) => {
          if (event === wanted) texts.push(data)
        },
        onRetry: (ms) => {
          pauseMs = ms
        },
      })
      const decoder = new TextDecoder()
      for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
        watchdog.refresh()
        parser.feed(decoder.decode(chunk, { stream: true }))
        for (const text of texts.splice(0)) {
          if (text === last) continue
          last = text
          yield text
        }
      }
    } catch (error) {
      if (isEnded()) return
      const isOver = !isConnected && performance.now() - lostAt >= patienceMs
      if (error instanceof ClientError && (isOver || !(error instanceof UnavailableError))) throw error
      if (isOver) throw new UnavailableError(null, 'NO_ANSWER', `${path} stays silent`, { cause: error })
    } finally {
      clearTimeout(watchdog)
    }
    if (isConnected) lostAt = performance.now()
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined)
  }
}
