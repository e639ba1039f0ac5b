import { LostError, type Network } from '../../runtime/memory/network.ts'
import type { Clock } from '../../runtime/ports/clock.ts'
import type { Random } from '../support/random.ts'

/*
 * Owns the order in which everything asynchronous of a simulated cluster happens. Requests, operations, replies, markers,
 * timers and yields wait here; step() lets one of them, drawn by seed, go on. The same seed gives the same run.
 * 1. Nothing a dead client waits for ever comes: a crash is a client that is never resumed.
 * 2. A request of a client that died on the way may still arrive.
 * 3. Time moves only when a timer is drawn.
 * 4. A paused client (SIGSTOP) gets no replies and no timers until it is resumed; the world goes on without it.
 */

interface Action {
  readonly client: string | null
  readonly label: string
  readonly run: () => void
}

interface Timer {
  readonly client: string
  readonly due: number
  readonly run: () => void
}

export interface Faults {
  /** Chances of a request or a reply of getting lost. */
  readonly loseRequest: number
  readonly loseReply: number
}

export class Scheduler implements Network {
  readonly #random: Random
  readonly #faults: Faults
  readonly #dead = new Set<string>()
  readonly #paused = new Set<string>()
  #actions: Action[] = []
  #timers: Timer[] = []
  #now = 1_700_000_000_000
  steps = 0

  constructor(random: Random, faults: Faults) {
    this.#random = random
    this.#faults = faults
  }

  /** Epoch ms of the simulated world. */
  get now(): number {
    return this.#now
  }

  call<T>(client: string, label: string, operation: () => T): Promise<T> {
    if (this.#dead.has(client)) return new Promise(() => {})
    return new Promise((resolve, reject) => {
      const reply = (run: () => void): void => {
        this.#actions.push({
          client,
          label: `reply ${label}`,
          run: () => {
            if (this.#random.next() < this.#faults.loseReply) reject(new LostError(`reply to ${label} lost`))
            else run()
          },
        })
      }
      // The request belongs to nobody once it is on the wire (2).
      this.#actions.push({
        client: null,
        label,
        run: () => {
          if (this.#random.next() < this.#faults.loseRequest) {
            reply(() => reject(new LostError(`${label} lost`)))
            return
          }
          try {
            const result = operation()
            reply(() => resolve(result))
          } catch (error) {
            reply(() => reject(error))
          }
        },
      })
    })
  }

  background(label: string, operation: () => void): void {
    this.#actions.push({ client: null, label: `background ${label}`, run: operation })
  }

  /** Lets everything the cluster has decided become visible: writes the markers that wait. */
  finishBackground(): void {
    const waiting = this.#actions.filter(({ label }) => label.startsWith('background '))
    this.#actions = this.#actions.filter(({ label }) => !label.startsWith('background '))
    for (const { run } of waiting) run()
  }

  clock(client: string): Clock {
    return {
      now: () => this.#now,
      monotonic: () => this.#now,
      sleep: (ms) => new Promise((run) => this.#timers.push({ client, due: this.#now + Math.max(0, ms), run })),
      yield: () => new Promise((run) => this.#actions.push({ client, label: 'yield', run })),
    }
  }

  /** From here on the client is gone. */
  kill(client: string): void {
    this.#dead.add(client)
    this.#actions = this.#actions.filter((action) => action.client !== client)
    this.#timers = this.#timers.filter((timer) => timer.client !== client)
  }

  pause(client: string): void {
    this.#paused.add(client)
  }

  resume(client: string): void {
    this.#paused.delete(client)
  }

  /** Lets one thing happen, and everything that follows from it at once. False when nothing is left. */
  async step(): Promise<boolean> {
    this.#actions = this.#actions.filter(({ client }) => client === null || !this.#dead.has(client))
    this.#timers = this.#timers.filter(({ client }) => !this.#dead.has(client))
    const timers = this.#timers.filter(({ client }) => !this.#paused.has(client))
    const actions = this.#actions.filter(({ client }) => client === null || !this.#paused.has(client))
    const isTime = timers.length > 0 && (actions.length === 0 || this.#random.next() < 0.05)
    if (isTime) {
      const timer = timers.reduce((first, other) => (other.due < first.due ? other : first))
      this.#timers = this.#timers.filter((other) => other !== timer)
      this.#now = Math.max(this.#now, timer.due)
      timer.run()
    } else {
      const action = actions[Math.floor(this.#random.next() * actions.length)]
      if (action === undefined) return false
      this.#actions = this.#actions.filter((other) => other !== action)
      action.run()
    }
    this.steps++
    await new Promise<void>((resolve) => setImmediate(resolve))
    return true
  }
}
