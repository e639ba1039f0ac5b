import type { ReadRecord } from '../support/kafkajs.ts'
import type { LoadRecord } from './constant-load.ts'
import type { Difference } from './judge.ts'
import type { Program, RunningProgram } from './program.ts'

/** The committed records by which an application is judged. */
export interface Judged {
  readonly input: readonly ReadRecord[]
  /** Committed records of the outputs, by partition in offset order. */
  readonly outputs: readonly ReadRecord[]
}

/** An application under test: its program, its topics, its load and what must come of it. */
export interface Subject {
  readonly program: Program
  readonly applicationId: string
  /** Topics whose committed offsets say how far the application is. */
  readonly inputs: readonly string[]
  /** Topics that every instance reads as a whole: nobody commits offsets of them. */
  readonly globals: readonly string[]
  readonly outputs: readonly string[]
  /** Further properties of the brokers. */
  readonly properties: Readonly<Record<string, string>>
  createTopics(bootstrap: string): Promise<void>
  /** Is there before the instances start. */
  before(): readonly LoadRecord[]
  load(count: number): readonly LoadRecord[]
  /** Is written beside the load in transactions that are aborted. */
  aborted(): readonly LoadRecord[]
  /** Sent when all else is committed, each part when the one before is: it closes windows. */
  after(): ReadonlyArray<readonly LoadRecord[]>
  differences(judged: Judged): Difference[]
  /** Null: nobody asks while faults happen. `urls`: the instances that run at the moment. */
  readonly queries: ((urls: () => readonly string[]) => { stop(): Promise<readonly Difference[]> }) | null
  /** Null: the stores are not asked. Called when all is committed, before `after` is sent. */
  readonly storeDifferences:
    | ((input: readonly ReadRecord[], running: readonly RunningProgram[]) => Promise<Difference[]>)
    | null
  /** Null: the disks are not compared. Called when the instances have ended. */
  readonly diskDifferences: ((bootstrap: string, stateDir: string) => Promise<Difference[]>) | null
}
