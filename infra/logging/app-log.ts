import { isCutOff } from '../../runtime/ports/instance.ts'
import type { BadRecords, InstanceListener, RestoreEvent, TopicNotice } from '../../runtime/ports/instance-events.ts'
import { errorFields } from './error-fields.ts'
import { LimitedLines } from './limited-lines.ts'
import type { Logger } from './logger.ts'
import { SafeLogger } from './safe-logger.ts'

const RESTORE_MESSAGES: Readonly<Record<RestoreEvent['type'], string>> = {
  start: 'restoring a store',
  progress: 'still restoring a store',
  end: 'store restored',
  wiped: 'the changelog no longer reaches back to this store: the store was wiped and is restored from the beginning',
  stale:
    'a store was away for longer than its changelog keeps deletes (delete.retention.ms): it was wiped and is restored from the beginning',
}

const RESTORE_LEVELS: Readonly<Record<RestoreEvent['type'], 'info' | 'warn'>> = {
  start: 'info',
  progress: 'info',
  end: 'info',
  wiped: 'warn',
  stale: 'warn',
}

const TOPIC_MESSAGES: Readonly<Record<TopicNotice['type'], string>> = {
  changed: 'a topic of this application had other settings than this version needs: they were changed',
  refused: 'the brokers refuse settings that topics of this application need: records there may be refused or deleted',
  shared:
    'the output topics do not depend on the application id, and another application writes them, too, if it runs: readers get the rows of both, and verify finds differences',
  limited:
    'topics refuse records whose timestamps are too far ahead or back: the production exception handler decides what happens to them',
}

const NO_BROKER =
  'no broker answers: nothing is processed, and lag is unknown; stores go on answering, and it goes on when brokers do'

const INPUT_REMOVED = 'input was removed before it was processed: reading continues at the first record that is there'
const OFFSET_UNKNOWN =
  'the committed offset is beyond the end of the log (was the topic created again?): reading continues with what is there'
const MISPLACED_KEYS =
  "records lie in other partitions than Kafka's default partitioner (murmur2) puts their keys: records of one key may be in " +
  'several tasks, and queries ask the wrong one; set the producer to murmur2 (librdkafka: partitioner=murmur2_random)'

/** Writes what an instance tells as lines of log, with the fields of docs/monitoring.md. What the logger throws reaches nobody. */
export class AppLog {
  readonly #logger: Logger
  /** Topics whose misplaced keys have their line: threads find them out one by one. */
  readonly #misplaced = new Set<string>()
  /** A limit for all threads together; dead_letters_total and the dead letter topic have all bad records. */
  readonly #badRecordLines: LimitedLines

  constructor(logger: Logger) {
    this.#logger = SafeLogger.of(logger)
    this.#badRecordLines = new LimitedLines(this.#logger)
  }

  /** The instance has stopped, and nobody closed it. */
  stopped(error: Error): void {
    this.#logger.error(failureFields(error), 'stopped by an error')
  }

  readonly write: InstanceListener = (event, thread) => {
    switch (event.type) {
      case 'recovered':
        this.#logger.warn(failureFields(event.error), 'recovered: resuming from the last commit')
        return
      case 'listener-failed':
        this.#logger.error(failureFields(event.error), 'a listener or handler of the program failed')
        return
      case 'traces-lost':
        this.#logger.warn(failureFields(event.error), 'traces were not delivered')
        return
      case 'restore': {
        const { type } = event.restore
        this.#logger[RESTORE_LEVELS[type]]({ thread, ...restoreFields(event.restore) }, RESTORE_MESSAGES[type])
        return
      }
      case 'bad-records':
        this.#badRecords(event.bad, thread)
        return
      case 'input-lost':
        this.#logger.error({ thread, ...event.lost }, event.lost.records > 0 ? INPUT_REMOVED : OFFSET_UNKNOWN)
        return
      case 'misplaced-keys':
        if (!this.#misplaced.has(event.keys.topic)) this.#logger.error(event.keys, MISPLACED_KEYS)
        this.#misplaced.add(event.keys.topic)
        return
      case 'brokers-silent': {
        const { brokers, isTls, action, waitedMs, reason } = event
        const fields = {
          brokers,
          tls: isTls,
          action,
          seconds: Math.round(waitedMs / 1000),
          ...(reason && { error: reason }),
        }
        this.#logger.warn(fields, 'no answer from the brokers yet: still trying')
        return
      }
      case 'broker-reach': {
        const { known, silent } = event.reach
        if (silent.length === 0) this.#logger.info({ known }, 'all brokers answer again')
        else this.#logger.warn({ silent, known }, isCutOff(event.reach) ? NO_BROKER : 'brokers do not answer')
        return
      }
      case 'state':
        this.#logger.info({ from: event.from, to: event.to }, 'state changed')
        return
      case 'state-removed':
        this.#logger.info({ taskId: event.taskId }, 'removed the state of a task that runs elsewhere')
        return
      case 'topic-notice': {
        const { type, topics, detail } = event.notice
        this.#logger[type === 'refused' || type === 'shared' ? 'warn' : 'info'](
          { topics, detail },
          TOPIC_MESSAGES[type],
        )
        return
      }
      default:
        event satisfies never
    }
  }

  #badRecords({ first, more }: BadRecords, thread: number | undefined): void {
    for (const { outcome, reason, message, description, ...record } of first) {
      const what = outcome === 'dropped' ? 'bad record: dropped' : 'bad record: sent to the dead letter topic'
      this.#badRecordLines.write('warn', { thread, ...record, ...description, reason, error: message }, what)
    }
    this.#badRecordLines.skip(more)
  }
}

function failureFields(error: Error) {
  return { ...errorFields(error), err: error }
}

/** etaSeconds only while something is left and something came. */
function restoreFields(restore: RestoreEvent) {
  const { taskId, topic, store, partition, remaining, total, recordsPerSecond, elapsedMs } = restore
  const eta = remaining > 0 && recordsPerSecond > 0 ? { etaSeconds: Math.ceil(remaining / recordsPerSecond) } : {}
  const seconds = Math.round(elapsedMs / 100) / 10
  return { taskId, store, topic, partition, remaining, total, recordsPerSecond, seconds, ...eta }
}
