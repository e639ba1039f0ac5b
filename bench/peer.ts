/** A program that does the job, running. */
export interface RunningPeer {
  readonly pid: number
  /** Resolves when all tasks run for the first time; rejects when the process ends before. */
  readonly running: Promise<void>
  /** When its first store began to restore, epoch ms; null: none did so far. */
  restoring(): number | null
  /** SIGTERM, then waits for the end (last commit included). */
  stop(): Promise<void>
  /** kill -9 */
  kill(): Promise<void>
}

export interface PeerOptions {
  readonly bootstrap: string
  readonly applicationId: string
  readonly threads: number
  readonly stateDir: string
}

export interface Peer {
  readonly name: string
  readonly threads: number
  start(options: PeerOptions): Promise<RunningPeer>
}
