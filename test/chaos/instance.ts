import { readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DAMAGES, damageFile } from '../support/damage-file.ts'
import type { Random } from '../support/random.ts'
import type { Program, ProgramSetup, RunningProgram } from './program.ts'

/*
 * Owns one place where the program runs: its state directory and the process that is in it at the moment.
 * 1. At most one process at a time; it is started only when the one before has ended.
 */
export class Instance {
  readonly name: string
  readonly #program: Program
  readonly #setup: ProgramSetup
  readonly #logs: string[] = []
  #running: RunningProgram | null = null
  #paused = false

  constructor(name: string, program: Program, setup: ProgramSetup) {
    this.name = name
    this.#program = program
    this.#setup = setup
  }

  get stateDir(): string {
    return this.#setup.stateDir
  }

  get program(): RunningProgram {
    if (this.#running === null) throw new Error(`${this.name} does not run`)
    return this.#running
  }

  /** The process was started, and has ended without a stop. */
  get hasFallen(): boolean {
    return this.#running !== null && !this.#running.isRunning
  }

  /** The process was stopped on purpose, so nothing moves here. */
  get isAway(): boolean {
    return this.#running === null || this.#paused
  }

  get isPaused(): boolean {
    return this.#paused
  }

  pause(): void {
    this.program.signal('SIGSTOP')
    this.#paused = true
  }

  resume(): void {
    this.program.signal('SIGCONT')
    this.#paused = false
  }

  /** Log lines of all its processes. */
  get log(): readonly string[] {
    return [...this.#logs, ...(this.#running?.log ?? [])]
  }

  async start(): Promise<void> {
    this.#running = await this.#program.start(this.#setup)
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const ended = this.#running
    if (ended === null) return null
    const code = await ended.end(signal)
    this.#logs.push(...ended.log, `--- ended: ${signal}, exit code ${code}`)
    this.#running = null
    return code
  }

  /** From where the clock is right. Also of the processes that come after this one. */
  async moveClock(ms: number): Promise<void> {
    await writeFile(this.#setup.clockFile, String(ms))
  }

  /** Simulates a lost disk. */
  async wipe(): Promise<void> {
    await rm(this.#setup.stateDir, { recursive: true, force: true })
  }

  /** Simulates a failing disk: damages a file of up to three stores, each in another way. */
  async corrupt(random: Random): Promise<void> {
    const { stateDir } = this.#setup
    const entries = await readdir(stateDir, { recursive: true })
    const files = entries
      .filter((path) => /\d+_\d+\/[^/]+\/(\d+\.(ldb|sst|log)|MANIFEST-\d+|CURRENT)$/.test(path))
      .sort()
    for (const damage of DAMAGES) {
      const file = join(stateDir, random.pick(files))
      if ((await stat(file)).size === 0) continue
      const at = await damageFile(file, damage, random)
      this.#logs.push(`--- damaged: ${damage} at byte ${at} of ${file}`)
    }
  }

  /** It moves on: more records are processed than a moment ago. True when it does not tell. */
  async isBusy(): Promise<boolean> {
    if (this.#running?.isRunning !== true) return false
    const before = await this.#running.processed()
    if (before === null) return true
    await new Promise((resolve) => setTimeout(resolve, 300))
    const after = await this.#running.processed()
    return after !== null && after > before
  }
}
