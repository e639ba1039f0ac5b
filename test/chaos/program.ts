/** One process of the program under test, seen from outside. */
export interface RunningProgram {
  readonly pid: number
  /** URL of its HTTP server; null when it has none. */
  readonly url: string | null
  readonly isRunning: boolean
  readonly log: readonly string[]
  /** Resolves when it processes. */
  ready(): Promise<void>
  isReady(): Promise<boolean>
  /** Records processed so far; null when the program does not say. */
  processed(): Promise<number | null>
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
  /** @throws Error when the program cannot */
  moveThreads(change: 'add' | 'remove'): Promise<void>
  /** Signals and waits for the end; the exit code, null when killed. */
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null>
}

export interface ProgramSetup {
  readonly bootstrap: string
  readonly applicationId: string
  readonly stateDir: string
  /** By how many ms the wall clock of the process is moved; absent: not at all. */
  readonly clockFile: string
  readonly sessionTimeoutMs: number
  readonly standbys: number
  /** Null: the program's own. */
  readonly transactionTimeoutMs: number | null
  /** Further variables of its environment. */
  readonly settings: Readonly<Record<string, string>>
}

export interface Program {
  readonly name: string
  /** How many markers may lie behind the last commit of a partition of an internal topic. */
  readonly markers: number
  start(setup: ProgramSetup): Promise<RunningProgram>
}
