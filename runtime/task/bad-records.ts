import type { RecordDescription } from '../../state/ports/errors.ts'
import type { TopicPartition } from '../ports/log.ts'

/** A record that is no valid input, or cannot be processed, and was dealt with by a commit that has settled. For the log. */
export interface BadRecord extends TopicPartition {
  readonly taskId: string
  readonly offset: number
  readonly description: RecordDescription
  readonly outcome: 'dead-letter' | 'dropped'
  /** Short, as in dead_letters_total. */
  readonly reason: string
  readonly message: string
}

/** The bad records of one epoch: the first few, and how many more there were. */
export interface BadRecords {
  readonly first: readonly BadRecord[]
  readonly more: number
}

const MAX_FIRST = 10
const MAX_MESSAGE = 500

/** Collects them: a flood of bad records costs no more than a few. */
export class BadRecordList implements BadRecords {
  readonly first: BadRecord[] = []
  more = 0

  /** @param describe called only for those that are kept */
  add(describe: () => BadRecord): void {
    if (this.first.length >= MAX_FIRST) {
      this.more++
      return
    }
    const record = describe()
    this.first.push({ ...record, message: record.message.slice(0, MAX_MESSAGE) })
  }
}
