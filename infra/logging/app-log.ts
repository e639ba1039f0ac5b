import type { TopicNotice } from '../../runtime/instance/topic-settings.ts'
import type { RestoreEvent } from '../../runtime/ports/instance.ts'
import type { BadRecords } from '../../runtime/task/bad-records.ts'
import type { MisplacedKeys } from '../../runtime/task/key-placement.ts'
import type { LostInput } from '../../runtime/task/lost-input.ts'
import { errorFields } from './error-fields.ts'
import { LineBudget } from './line-budget.ts'
import type { Logger } from './logger.ts'

const RESTORE_MESSAGES: Readonly<Record<RestoreEvent['type'], string>> = {
  start: 'restoring a store',
  progress: 'still restoring a store',
  end: 'store restored',
  wiped: 'the changelog does not reach back to this store any more: wiped, to be restored from its beginning',
  stale:
    'a store was away for longer than its changelog keeps deletes (delete.retention.ms): wiped, to be restored from the beginning',
}

const RESTORE_LEVELS: Readonly<Record<RestoreEvent['type'], 'info' | 'warn'>> = {
  start: 'info',
  progress: 'info',
  end: 'info',
  wiped: 'warn',
  stale: 'warn',
}

const TOPIC_MESSAGES: Readonly<Record<TopicNotice['type'], string>> = {
  changed: 'changed settings of a topic of this application to what this version needs',
  refused: 'the brokers refuse settings that topics of this application need: records may be refused or deleted there',
  limited:
    'topics refuse records that are dated too far ahead or back: PRODUCTION_EXCEPTION_HANDLER decides about them',
}

/** Lines about bad records, of all threads together; dead_letters_total and the dead letter topic have all of them. */
const BAD_RECORD_LINES_PER_SECOND = 10

/** Writes what an instance reports as lines of log, with the fields of docs/monitoring.md. */
export class AppLog {
  readonly #logger: Logger
  /** Topics told of. */
  readonly #misplaced = new Set<string>()
  readonly #badRecordLines = new LineBudget(BAD_RECORD_LINES_PER_SECOND)

  constructor(logger: Logger) {
    this.#logger = logger
  }

  readonly recovered = (error: Error): void => {
    this.#logger.warn({ ...errorFields(error), err: error }, 'recovered: resuming from the last commit')
  }

  readonly restore = (event: RestoreEvent, thread: number): void => {
    this.#logger[RESTORE_LEVELS[event.type]](restoreFields(event, thread), RESTORE_MESSAGES[event.type])
  }

  readonly stateRemoved = (taskId: string): void => {
    this.#logger.info({ taskId }, 'removed the state of a task that runs elsewhere')
  }

  readonly topicNotice = ({ type, topics, detail }: TopicNotice): void => {
    this.#logger[type === 'refused' ? 'warn' : 'info']({ topics, detail }, TOPIC_MESSAGES[type])
  }

  readonly tracesLost = (error: Error): void => {
    this.#logger.warn({ ...errorFields(error), err: error }, 'traces were not delivered')
  }

  readonly misplacedKeys = (keys: MisplacedKeys): void => {
    // Threads find it out one by one.
    if (this.#misplaced.has(keys.topic)) return
    this.#misplaced.add(keys.topic)
    const what =
      "records lie in other partitions than Kafka's default partitioner (murmur2) puts their keys: what belongs to a key may be in " +
      'several tasks, and queries look elsewhere; set the producer to murmur2 (librdkafka: partitioner=murmur2_random)'
    this.#logger.error(keys, what)
  }

  readonly inputLost = (lost: LostInput, thread?: number): void => {
    const what =
      lost.records > 0
        ? 'input was removed before it was processed: going on at the first record that is there'
        : 'the committed offset is behind the end of the log (topic made anew, or cut off): reading what is there'
    this.#logger.error({ ...(thread !== undefined && { thread }), ...lost }, what)
  }

  readonly badRecords = ({ first, more }: BadRecords, thread: number): void => {
    for (const { outcome, reason, message, description, ...record } of first) {
      const cut = this.#badRecordLines.fields()
      if (cut === null) continue
      const what = outcome === 'dropped' ? 'bad record: dropped' : 'bad record: sent to the dead letter topic'
      this.#logger.warn({ thread, ...record, ...description, reason, error: message, ...cut }, what)
    }
    this.#badRecordLines.skip(more)
  }
}

/** etaSeconds only while something is left and something came. */
function restoreFields(event: RestoreEvent, thread: number) {
  const { taskId, topic, store, partition, remaining, total, recordsPerSecond, elapsedMs } = event
  const eta = remaining > 0 && recordsPerSecond > 0 ? { etaSeconds: Math.ceil(remaining / recordsPerSecond) } : {}
  const seconds = Math.round(elapsedMs / 100) / 10
  return { thread, taskId, store, topic, partition, remaining, total, recordsPerSecond, seconds, ...eta }
}
