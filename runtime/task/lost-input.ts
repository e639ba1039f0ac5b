import type { TopicPartition } from '../ports/log.ts'

/** The committed offset of a source partition is not in its log: some input was not processed, or may be processed again. */
export interface LostInput extends TopicPartition {
  readonly taskId: string
  /** The committed offset. */
  readonly committed: number
  /** Where processing goes on: the first record that is still there. */
  readonly position: number
  /**
   * Offsets that were removed before they were processed (by retention, say): at most so many records, because transaction markers take
   * offsets, too. 0: the log ends before the committed offset (the topic was made anew, or cut off), so nobody knows.
   */
  readonly records: number
}
