import { LostError, type Network } from '../memory/network.ts'
import type { Clock } from '../ports/clock.ts'
import type { Random } from './random.ts'

/*
 * Owns the order in which everything asynchronous of a simulated cluster happens. Requests, operations, replies, markers,
 * timers and yields wait here; step() lets one of them, drawn by seed, go on. The same seed gives the same run.
 * 1. Nothing a dead client waits for ever comes: a crash is a client that is never resumed.
 * 2. A request of a client that died on the way may still arrive.
 * 3. Time moves only when a timer is drawn.
 * 4. A paused client (SIGSTOP) gets no replies and no timers until it is resumed; the world goes on without it.
 * 5. What a client that is cut off sends does not arrive, and it hears so.
 * 6. Once it is calm nothing is lost or slow any more, and time passes only when nothing else can happen.
 */

interface Action {
  readonly client: string | null
  readonly label: string
  readonly run: () => void
}

interface Timer {
  readonly client: string | null
  readonly label?: string
  readonly due: number
  readonly run: () => void
}

export interface Faults {
  /** Chances of a request or a reply of getting lost. */
  readonly loseRequest: number
  readonly loseReply: number
  /** Chance of a request or a reply of being on its way for up to SLOWEST_MS; default 0. */
  readonly delay?: number
  /** The same of what the cluster does by itself; default 0. */
  readonly delayMarkers?: number
  /** Chance of a request that its client takes for lost and that arrives later all the same; default 0. */
  readonly arriveLate?: number
}

/** The event loop gets its turn now and then: the caller of simulations has messages to send. */
const STEPS_PER_TURN = 256
const SLOWEST_MS = 200
const SLOWEST_MARKER_MS = 600

export class Scheduler implements Network {
  readonly #random: Random
  readonly #faults: Faults
  readonly #onNote: (what: string) => void
  readonly #dead = new Set<string>()
  readonly #paused = new Set<string>()
  readonly #cut = new Set<string>()
  readonly #late = new Set<string>()
  /** By how much a client's wall clock is wrong, ms. */
  readonly #skews = new Map<string, number>()
  #isCalm = false
  #actions: Action[] = []
  #timers: Timer[] = []
  #now = 1_700_000_000_000
  steps = 0

  /** `onNote` is told of messages that are lost. */
  constructor(random: Random, faults: Faults, onNote: (what: string) => void = () => undefined) {
    this.#random = random
    this.#faults = faults
    this.#onNote = onNote
  }

  /** Epoch ms of the simulated world. */
  get now(): number {
    return this.#now
  }

  call<T>(client: string, label: string, operation: () => T): Promise<T> {
    // Invariant 1.
    if (this.#dead.has(client)) return new Promise(() => undefined)
    return new Promise((resolve, reject) => {
      const reply = (run: () => void): void => {
        this.#send(client, `reply ${label}`, () => {
          if (this.#happens(this.#faults.loseReply) || this.#cut.has(client)) {
            this.#onNote(`the reply to ${label} of ${client} is lost`)
            reject(new LostError(`reply to ${label} lost`))
          } else run()
        })
      }
      // Once sent, the request belongs to nobody (2).
      this.#send(null, label, () => {
        if (this.#happens(this.#faults.loseRequest) || this.#cut.has(client)) {
          this.#onNote(`request ${label} of ${client} is lost`)
          reply(() => reject(new LostError(`${label} lost`)))
          return
        }
        if (this.#happens(this.#faults.arriveLate ?? 0)) {
          reply(() => reject(new LostError(`${label} timed out`)))
          this.#late.add(`${client} ${label}`)
          this.#send(null, `late ${label}`, () => {
            try {
              operation()
            } catch {
              // Nobody hears of it.
            }
          })
          return
        }
        try {
          const result = operation()
          reply(() => resolve(result))
        } catch (error) {
          reply(() => reject(error))
        }
      })
    })
  }

  /** A request of the client with this label came, or comes, after the client has given it up. */
  isLate(client: string, label: string): boolean {
    return this.#late.has(`${client} ${label}`)
  }

  /** Something a client waits for on its own machine. */
  local(client: string, label: string): Promise<void> {
    return new Promise((run) => this.#wait({ client, label, run }))
  }

  #send(client: string | null, label: string, run: () => void): void {
    if (this.#happens(this.#faults.delay ?? 0)) {
      const due = this.#now + this.#random.below(SLOWEST_MS)
      this.#waitUntil({ client, due, run: () => this.#wait({ client, label, run }) })
    } else this.#wait({ client, label, run })
  }

  /** Draws only for enabled faults: a disabled fault leaves the other schedules unchanged. */
  #happens(chance: number): boolean {
    return chance > 0 && !this.#isCalm && this.#random.next() < chance
  }

  background(label: string, operation: () => void): void {
    const name = `background ${label}`
    if (this.#happens(this.#faults.delayMarkers ?? 0)) {
      this.#waitUntil({
        client: null,
        label: name,
        due: this.#now + this.#random.below(SLOWEST_MARKER_MS),
        run: operation,
      })
    } else this.#wait({ client: null, label: name, run: operation })
  }

  /** Lets everything the cluster has decided become visible: writes the markers that wait. */
  finishBackground(): void {
    const isBackground = ({ label }: { readonly label?: string }): boolean => label?.startsWith('background ') === true
    const waiting = [...this.#actions, ...this.#timers].filter(isBackground)
    this.#actions = this.#actions.filter((action) => !isBackground(action))
    this.#timers = this.#timers.filter((timer) => !isBackground(timer))
    for (const { run } of waiting) run()
  }

  clock(client: string): Clock {
    return {
      now: () => this.#now + (this.#skews.get(client) ?? 0),
      monotonic: () => this.#now,
      sleep: (ms) => new Promise((run) => this.#waitUntil({ client, due: this.#now + Math.max(0, ms), run })),
      yield: () => new Promise((run) => this.#wait({ client, label: 'yield', run })),
    }
  }

  /** Ends the client. */
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

  /** Cuts the client's network. */
  cut(client: string): void {
    this.#cut.add(client)
  }

  mend(client: string): void {
    this.#cut.delete(client)
  }

  /** Its wall clock jumps. */
  skew(client: string, ms: number): void {
    this.#skews.set(client, (this.#skews.get(client) ?? 0) + ms)
  }

  /** Invariant 6. */
  calmDown(): void {
    this.#isCalm = true
    this.#cut.clear()
  }

  /** Runs one event, and everything that follows from it at once. False when none is left. */
  async step(): Promise<boolean> {
    const isFree = ({ client }: { readonly client: string | null }): boolean =>
      client === null || !this.#paused.has(client)
    const everybody = this.#paused.size === 0
    const timers = everybody ? this.#timers : this.#timers.filter(isFree)
    const actions = everybody ? this.#actions : this.#actions.filter(isFree)
    const timeChance = this.#isCalm ? 0 : 0.05
    const isTime = timers.length > 0 && (actions.length === 0 || this.#random.next() < timeChance)
    if (isTime) {
      const timer = timers.reduce((first, other) => (other.due < first.due ? other : first))
      this.#timers.splice(this.#timers.indexOf(timer), 1)
      this.#now = Math.max(this.#now, timer.due)
      timer.run()
    } else {
      const action = actions[Math.floor(this.#random.next() * actions.length)]
      if (action === undefined) return false
      this.#actions.splice(this.#actions.indexOf(action), 1)
      action.run()
    }
    this.steps++
    // Both come when no promise can continue. The simulation never waits for the event loop, which costs more.
    const isTurn = this.steps % STEPS_PER_TURN === 0
    await new Promise<void>((resolve) => (isTurn ? setImmediate(resolve) : process.nextTick(resolve)))
    return true
  }

  #wait(action: Action): void {
    if (action.client === null || !this.#dead.has(action.client)) this.#actions.push(action)
  }

  #waitUntil(timer: Timer): void {
    if (timer.client === null || !this.#dead.has(timer.client)) this.#timers.push(timer)
  }
}
