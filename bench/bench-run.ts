import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { EVENT_TYPES } from '../processors/events/schemas.ts'
import type { AppProcess } from '../test/support/app-process.ts'
import type { BenchCluster } from './cluster.ts'
import { type Drain, watchDrain } from './drain-watch.ts'
import { type Progress, watchProgress } from './progress-watch.ts'

/** One application on the benchmark's cluster. */
export interface BenchRun {
  readonly bootstrap: string
  /** No other run has it. */
  readonly applicationId: string
  readonly stateDir: string
  /** Resolves when the application has committed that much of the input; see watchProgress. */
  committed(events: number): Promise<Progress>
  /** Resolves when nothing is left to do behind that; see watchDrain. */
  drained(progress: Progress, pid: number): Promise<Drain>
}

/** Resolves when the application has committed so many events; null when it ends before. */
export async function committedBeforeEnd(app: AppProcess, run: BenchRun, events: number): Promise<Progress | null> {
  const done = run.committed(events)
  // When the application ends first, nobody waits for the progress any more.
  done.catch(() => undefined)
  return Promise.race([done, app.ended.then(() => null)])
}

let runs = 0

/** Makes the topics and the state directory of one application, and removes the directory after `use`. */
export async function benchRun<T>(
  { bootstrap, createTopicsFor }: BenchCluster,
  name: string,
  use: (run: BenchRun) => Promise<T>,
): Promise<T> {
  const applicationId = `${name}-${runs++}`
  await createTopicsFor(applicationId)
  const stateDir = await mkdtemp(join(tmpdir(), 'ride-bench-'))
  const admin = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  const committed = (events: number) => watchProgress(admin, applicationId, [...EVENT_TYPES], events)
  const drained = (progress: Progress, pid: number) => watchDrain({ admin, applicationId, pid, progress })
  try {
    return await use({ bootstrap, applicationId, stateDir, committed, drained })
  } finally {
    await admin.disconnect()
    await rm(stateDir, { recursive: true, force: true })
  }
}
