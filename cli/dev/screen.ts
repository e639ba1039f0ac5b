const HIDE_CURSOR = '\u001b[?25l'
const SHOW_CURSOR = '\u001b[?25h'
const CLEAR_BELOW = '\u001b[0J'

/**
 * Redraws a block of lines in place on a terminal. Owns the cursor: hidden from the first frame until end(), and
 * shown again whatever way the process ends.
 */
export class Screen {
  readonly #out: NodeJS.WriteStream
  #drawn = 0
  readonly #showCursor = (): void => {
    this.#out.write(SHOW_CURSOR)
  }

  constructor(out: NodeJS.WriteStream) {
    this.#out = out
  }

  get columns(): number {
    return this.#out.columns || 80
  }

  /** One line less than the terminal has: the cursor stands below the last one. */
  get rows(): number {
    return Math.max(1, (this.#out.rows || 24) - 1)
  }

  draw(lines: readonly string[]): void {
    if (this.#drawn === 0) process.once('exit', this.#showCursor)
    // More lines than the terminal has would scroll, and could not be drawn over.
    const shown = lines.slice(0, this.rows)
    const up = this.#drawn > 0 ? `\u001b[${this.#drawn}A\r` : HIDE_CURSOR
    this.#out.write(`${up}${CLEAR_BELOW}${shown.join('\n')}\n`)
    this.#drawn = shown.length
  }

  /** Leaves the last frame where it is. */
  end(): void {
    if (this.#drawn === 0) return
    this.#drawn = 0
    process.off('exit', this.#showCursor)
    this.#showCursor()
  }
}
