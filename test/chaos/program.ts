/** One process of the program under test, seen from outside. */
export interface RunningProgram {
  readonly pid: number
  readonly isRunning: boolean
  readonly log: readonly string[]
  /** Resolves when it processes. */
  ready(): Promise<void>
  isReady(): Promise<boolean>
  /** Records processed so far; null when the program does not say. */
  processed(): Promise<number | null>
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
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
}

export interface Program {
  readonly name: string
  /**
   * Beside the input topics: what the group commits offsets of. `slack`: how many markers may lie behind the last commit
   * of a partition.
   */
  repartition(applicationId: string): { readonly topic: string; readonly slack: number }
  start(setup: ProgramSetup): Promise<RunningProgram>
}
