import type { BadRecord, BadRecords } from '../ports/instance-events.ts'

const MAX_FIRST = 10
const MAX_MESSAGE = 500

/** Collects bad records: a flood of them costs no more than a few. */
export class BadRecordList implements BadRecords {
  readonly first: BadRecord[] = []
  more = 0

  /** @param describe called only for records that are kept */
  add(describe: () => BadRecord): void {
    if (this.first.length >= MAX_FIRST) {
      this.more++
      return
    }
    const record = describe()
    this.first.push({ ...record, message: record.message.slice(0, MAX_MESSAGE) })
  }
}
