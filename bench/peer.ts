/** A program that does the job, running. */
export interface RunningPeer {
  readonly pid: number
  /** Resolves when it processes; rejects when it ends before. */
  readonly running: Promise<void>
  /** When its first store began to restore, epoch ms; null: none did so far. */
  restoring(): number | null
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
