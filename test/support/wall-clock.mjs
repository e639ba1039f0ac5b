/*
 * Preloaded into a process (NODE_OPTIONS=--import), in all of its threads: moves its wall clock by as many ms as the file WALL_CLOCK_FILE
 * says, which may change at any time. What is monotonic, and so every timer, goes on as before.
 */
import { readFileSync } from 'node:fs'

const LOOK_MS = 20
const trueNow = Date.now.bind(Date)
const TrueDate = Date
let lookedAt = Number.NEGATIVE_INFINITY
let aheadMs = 0

function now() {
  if (performance.now() - lookedAt > LOOK_MS) {
    lookedAt = performance.now()
    try {
      aheadMs = Number(readFileSync(process.env.WALL_CLOCK_FILE, 'utf8'))
    } catch (error) {
      // No file yet: nobody has moved the clock.
      if (error.code !== 'ENOENT') throw error
    }
  }
  return trueNow() + aheadMs
}

globalThis.Date = class extends TrueDate {
  constructor(...args) {
    super(...(args.length === 0 ? [now()] : args))
  }

  static now() {
    return now()
  }
}
