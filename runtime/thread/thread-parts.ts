import { CommitCycle } from '../commit/commit-cycle.ts'
import { CommitPace } from '../commit/commit-pace.ts'
import { CommitPolicy } from '../commit/commit-policy.ts'
import { EpochSize } from '../commit/epoch-size.ts'
import { Epochs } from '../commit/epochs.ts'
import { OutputCollector } from '../commit/output-collector.ts'
import { RepartitionPurge } from '../commit/repartition-purge.ts'
import { WriterSession } from '../commit/writer-session.ts'
import { ChangelogReader } from '../restore/changelog-reader.ts'
import { GlobalState } from '../restore/global-state.ts'
import { StandbyTasks } from '../restore/standby-tasks.ts'
import { TaskOpener } from '../restore/task-opener.ts'
import { TaskOpenings } from '../restore/task-openings.ts'
import { PoisonedRecords } from '../task/poisoned-records.ts'
import { ProcessingSlice } from '../task/processing-slice.ts'
import { TaskStores } from '../task/task-stores.ts'
import { Alarm } from './alarm.ts'
import { FailureLog } from './failure-log.ts'
import { InputFeed } from './input-feed.ts'
import { OpenTasks } from './open-tasks.ts'
import type { StreamThreadOptions } from './stream-thread-options.ts'
import { ThreadCommands } from './thread-commands.ts'
import type { ThreadMetrics } from './thread-metrics.ts'

/** The parts that a stream thread drives. */
export type ThreadParts = ReturnType<typeof threadParts>

/** Makes the parts of a stream thread, each of those above it. */
export function threadParts(options: StreamThreadOptions, metrics: ThreadMetrics) {
  const { plan, config, reader, writer, admin, clock, group, onEvent } = options
  const { maxBufferedBytesPerPartition } = config

  // Wakes the thread, passes events to it, and keeps its failures.
  const alarm = new Alarm(clock)
  const ring = (): void => alarm.ring()
  const commands = new ThreadCommands(ring)
  const failures = new FailureLog({ config, clock, metrics, onEvent, onMet: ring })
  const session = new WriterSession(writer, clock, config)

  // The epoch that tasks fill.
  const poisoned = new PoisonedRecords()
  const size = new EpochSize(config, poisoned)
  const epochs = new Epochs(() => writer.newBatch(), size)
  const collector = new OutputCollector(epochs, new Map(options.partitions))

  // The tasks that are open: their input, and how it is processed.
  const feed = new InputFeed({
    ...{ reader, clock, config, maxBufferedBytesPerPartition },
    onEvent,
    onNews: ring,
  })
  const slice = new ProcessingSlice({ config, clock, metrics, epochs, size })
  const tasks = new OpenTasks({ feed, slice })

  // Their commits.
  const onSettled = (): void => {
    ring()
    options.onSettled?.()
  }
  const pace = new CommitPace(config)
  const commit = { writer, admin, clock, metrics, group, epochs, collector, size, pace, tasks }
  const cycle = new CommitCycle({ ...commit, onSettled, onEvent })
  const policy = new CommitPolicy({ config, clock, cycle, pace, epochs, size, tasks })
  const purge = new RepartitionPurge(plan, config, admin, clock)

  // State that comes from the log: restored, followed, global; and the tasks that are opened from it.
  const stores = new TaskStores(plan, options.openStore)
  const changelogs = new ChangelogReader({
    admin,
    clock,
    newReader: options.newRestoreReader,
    onRecords: (store, records) => metrics.restored.add(store, records),
    onEvent,
    staleStore: config.staleStore,
    markers: config.processingGuarantee === 'exactly_once_v2' ? 1 : 0,
  })
  const onFailed = (cause: unknown): void => failures.meet(cause)
  const standbys = new StandbyTasks({ stores, changelogs, clock, onEvent, onFailed })
  const global = new GlobalState({ ...options, metrics, onNews: ring, onApplied: () => options.onSettled?.() })
  const globalStores = global.stores
  const opener = new TaskOpener({
    ...{ ...options, metrics, stores, changelogs, collector, poisoned, globalStores },
    onAnswer: ring,
  })
  const openings = new TaskOpenings({ opener, clock, config, onEvent, onChange: ring })

  return {
    ...{ alarm, commands, failures, session, poisoned, size },
    ...{ feed, tasks, cycle, policy, purge },
    ...{ stores, changelogs, standbys, global, openings },
  }
}
