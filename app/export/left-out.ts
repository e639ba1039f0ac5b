import { counted } from '../../state/index.ts'

/** Tells that records are no rows; null: there are none. */
export function leftOutText(count: number, topic: string): string | null {
  if (count === 0) return null
  const what = count === 1 ? 'is no valid row and' : 'are no valid rows and'
  return `${counted(count, 'record')} of ${topic} ${what} left out`
}

const TOLD_EVERY_MS = 60_000

/** Counts the records of topics that are no rows, and tells of new ones: at most once a minute, and at the end. */
export class LeftOut {
  readonly #tell: (text: string) => void
  readonly #counts = new Map<string, number>()
  readonly #untold = new Set<string>()
  #toldAt = performance.now()

  constructor(tell: (text: string) => void) {
    this.#tell = tell
  }

  add(topic: string, count: number): void {
    if (count === 0) return
    this.#counts.set(topic, (this.#counts.get(topic) ?? 0) + count)
    this.#untold.add(topic)
    if (performance.now() - this.#toldAt >= TOLD_EVERY_MS) this.tell()
  }

  /** Tells what has not been told, one line for each topic with all since the start. */
  tell(): void {
    for (const topic of this.#untold) this.#tell(leftOutText(this.#counts.get(topic) ?? 0, topic) ?? '')
    this.#untold.clear()
    this.#toldAt = performance.now()
  }
}
