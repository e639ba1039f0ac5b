import type { ClusterWorld } from './cluster-world.ts'
import { SimulatedDisk } from './disk.ts'
import { leftOverOn, SimulatedProcess } from './process.ts'

const MOST_THREADS = 3

/**
 * A machine: a disk, which names the process id, and at most one process at a time. Whoever watches it starts it again when it
 * has ended.
 */
export class Machine {
  readonly name: string
  disk = new SimulatedDisk()
  process: SimulatedProcess | null = null
  state: 'down' | 'running' | 'closing' | 'paused' | 'cut' = 'down'
  readonly #world: ClusterWorld
  /** A process starts with as many threads as its predecessor had at its end. */
  #threads: number
  #disks = 0
  #runs = 0
  /** Its past may have sent something that still arrives. */
  #hasCrashed = false

  constructor(world: ClusterWorld, index: number) {
    this.#world = world
    this.name = `m${index}`
    this.#threads = 1 + world.random.below(2)
  }

  get processId(): string {
    return `${this.name}d${this.#disks}`
  }

  get isWell(): boolean {
    return this.state === 'running'
  }

  async start(): Promise<void> {
    const world = this.#world
    const { processId, disk } = this
    const process = new SimulatedProcess({
      world,
      processId,
      disk,
      client: `${processId}r${++this.#runs}`,
      layout: await world.layOut(),
      leftOver: await leftOverOn(disk, world),
      threads: this.#threads,
    })
    this.process = process
    world.comesAnew(process.processId)
    this.state = 'running'
    world.note(`${process.client} starts`)
    void process.ended.then((error) => {
      if (this.process !== process) return
      if (error !== null && !this.#isOfItsPast(error, process.client))
        world.violate(`${process.client} stopped: ${error.stack}`)
      world.note(`${process.client} has ended`)
      this.#gone()
    })
  }

  /** kill -9: nothing the process waits for ever comes. */
  crash(): void {
    if (this.process === null) return
    this.#hasCrashed = true
    this.#world.note(`${this.process.client} crashes`)
    this.#gone()
  }

  wipe(): void {
    this.#world.note(`${this.name} loses its disk`)
    this.disk = new SimulatedDisk()
    this.#disks++
  }

  /** SIGTERM. */
  close(): void {
    if (this.process === null || this.state !== 'running') return
    this.state = 'closing'
    this.#world.note(`${this.process.client} closes`)
    void this.process.instance.close()
  }

  /** SIGSTOP. */
  pause(): void {
    this.#disturb('paused', (client) => this.#world.scheduler.pause(client))
  }

  cut(): void {
    this.#disturb('cut', (client) => this.#world.scheduler.cut(client))
  }

  /** SIGCONT, or the network is back. */
  heal(): void {
    const { process } = this
    if (process === null || this.state === 'running' || this.state === 'closing') return
    this.state = 'running'
    this.#world.note(`${process.client} is well again`)
    process.disturbedAt = this.#world.scheduler.now
    this.#world.scheduler.resume(process.client)
    this.#world.scheduler.mend(process.client)
  }

  /** Adds a thread or removes one. */
  changeThreads(isMore: boolean): void {
    const { process, state } = this
    if (process === null || state !== 'running') return
    const { instance, client } = process
    const isFull = instance.threads() >= MOST_THREADS
    void (isMore && !isFull ? instance.addStreamThread() : instance.removeStreamThread()).then(
      (name) => {
        if (name === null) return
        this.#world.report.threadChanges++
        this.#world.note(`${client} has ${instance.threads()} threads: ${name} has come or gone`)
      },
      (error: unknown) => this.#world.violate(`${client} cannot change its threads: ${error}`),
    )
  }

  skew(ms: number): void {
    if (this.process !== null) this.#world.scheduler.skew(this.process.client, ms)
  }

  #disturb(state: 'paused' | 'cut', how: (client: string) => void): void {
    if (this.process === null || this.state !== 'running') return
    this.state = state
    this.#world.note(`${this.process.client} is ${state}`)
    how(this.process.client)
  }

  #gone(): void {
    if (this.process === null) return
    this.#threads = this.process.instance.threads()
    this.#world.scheduler.kill(this.process.client)
    this.#world.scheduler.resume(this.process.client)
    this.process = null
    this.state = 'down'
  }

  /** A join of the process before, or one given up, arrived late and took the name: whoever watches the process starts it again. */
  #isOfItsPast(error: Error, client: string): boolean {
    const isPossible = this.#hasCrashed || this.#world.scheduler.isLate(client, 'join')
    return isPossible && error.message.includes('FENCED_INSTANCE_ID')
  }
}
