import type { StreamsInstance } from '../runtime/index.ts'
import { restoreBar } from './bar.ts'
import { repeat } from './repeat.ts'
import { RestoreTally } from './restore-tally.ts'

/** The part of a terminal that the view needs. */
export interface Terminal {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

const LOOK_MS = 500
/** Shorter restores show no bar. */
const QUIET_LOOKS = 1
const CLEAR_LINE = '\r\u001b[K'

/**
 * One line on a terminal while stores restore, until the signal; nothing elsewhere. The cursor stays at its beginning: a log line
 * that comes meanwhile is written over it, and the bar goes on below.
 */
export async function showRestores(
  instance: Pick<StreamsInstance, 'tasks'>,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  if (terminal.isTTY !== true) return
  const tally = new RestoreTally()
  let looks = 0
  let isShown = false
  await repeat(LOOK_MS, signal, async () => {
    const summary = await instance.tasks().then(
      (tasks) => tally.update(tasks),
      // A thread that has stopped tells nothing any more; the instance says why it stops.
      () => null,
    )
    looks = summary === null ? 0 : looks + 1
    if (summary !== null && looks > QUIET_LOOKS) {
      const line = `restoring${restoreBar(summary)}`.slice(0, (terminal.columns ?? 80) - 1)
      terminal.write(`${CLEAR_LINE}${line}\r`)
      isShown = true
    } else if (isShown) {
      terminal.write(CLEAR_LINE)
      isShown = false
    }
  })
  if (isShown) terminal.write(CLEAR_LINE)
}
