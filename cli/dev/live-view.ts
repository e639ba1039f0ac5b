import { printLine } from '../output.ts'
import { repeat } from '../repeat.ts'
import type { Dashboard } from './dashboard.ts'
import { type FeedStatus, renderFrame, renderPlainHeader, renderPlainLine, type Surroundings } from './frame.ts'
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
export function runLiveView(options: LiveViewOptions): Promise<void> {
  return process.stdout.isTTY ? showFrames(options) : printLines(options)
}

async function printLines({ dashboard, surroundings, feed, signal }: LiveViewOptions): Promise<void> {
  printLine(renderPlainHeader(surroundings))
  await repeat(PLAIN_LINE_MS, signal, async () => printLine(renderPlainLine(await dashboard.read(), feed())))
}

async function showFrames({ dashboard, surroundings, feed, signal }: LiveViewOptions): Promise<void> {
  const screen = new Screen(process.stdout)
  const color = process.stdout.hasColors()
  try {
    await repeat(FRAME_MS, signal, async () => {
      const snapshot = await dashboard.read()
      const { columns, rows } = screen
      screen.draw(renderFrame({ snapshot, surroundings, feed: feed(), columns, rows, color }))
    })
  } finally {
    screen.end()
  }
}
