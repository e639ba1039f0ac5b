import { printLine } from '../output.ts'
import type { Dashboard } from './dashboard.ts'
import { type FeedStatus, renderFrame, renderPlainLine, type Surroundings } from './frame.ts'
import { Screen } from './screen.ts'

export interface LiveViewOptions {
  readonly dashboard: Dashboard
  readonly surroundings: Surroundings
  readonly feed: () => FeedStatus
  /** Ends the view. */
  readonly signal: AbortSignal
}

const FRAME_MS = 500
const PLAIN_LINE_MS = 2000

/** Shows the dashboard until the signal: redrawn in place on a terminal, one line every two seconds elsewhere. */
export async function runLiveView(options: LiveViewOptions): Promise<void> {
  const { stdout } = process
  if (!stdout.isTTY)
    return repeat(PLAIN_LINE_MS, options.signal, async () => {
      printLine(renderPlainLine(await options.dashboard.read(), options.feed()))
    })
  const screen = new Screen(stdout)
  const color = stdout.hasColors()
  try {
    await repeat(FRAME_MS, options.signal, async () => {
      const snapshot = await options.dashboard.read()
      const { surroundings } = options
      screen.draw(renderFrame({ snapshot, surroundings, feed: options.feed(), columns: screen.columns, color }))
    })
  } finally {
    screen.end()
  }
}

/** Runs `work` every `intervalMs`, never twice at a time. */
async function repeat(intervalMs: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await work()
    await pause(intervalMs, signal)
  }
}

/** Resolves after `ms`, or at once when the signal aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
  })
}
