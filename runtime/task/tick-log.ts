import { OffsetOutOfRangeError, StreamsError } from '../../state/ports/errors.ts'
import { partitionKey, partitionName } from '../../state/ports/topic-partition.ts'
import type { LogAdmin, LogReader, LogRecord, TopicPartition } from '../ports/log.ts'
import { RestoreInterruptedError } from '../restore/changelog-reader.ts'

/** Stream time moved to `timestamp` without a record, when the sources of the task stood at `positions`. */
export interface Tick {
  readonly timestamp: number
  /** `topic:partition` -> offset of the next record to process. A source that is not in it was added later. */
  readonly positions: Readonly<Record<string, number>>
}

/** The ticks in the partition of a task when the task was opened. */
export interface RecordedTicks {
  /** In the order they took effect; the task may know some already. */
  readonly ticks: readonly Tick[]
  /** Offset behind them. */
  readonly end: number
}

export const NO_TICKS: RecordedTicks = { ticks: [], end: 0 }

/** A partition to read; from `position`, or as a whole when that is null or not in the log. */
export interface TickPartition extends TopicPartition {
  readonly position: number | null
  /** Without a position nothing is read: the records that its ticks came behind cannot be read again. */
  readonly skipsUnknown: boolean
}

/** Something that is not a tick was written to the topic of ticks. Look at the topic. */
export class InvalidTickError extends StreamsError {
  constructor(at: TopicPartition, offset: number) {
    super('INVALID_TICK', `offset ${offset} of ${partitionName(at)} is not an idle tick`)
  }
}

/** The value of a tick's record; its time is the record's timestamp. */
export function encodeTick(positions: Tick['positions']): string {
  return JSON.stringify({ positions })
}

function decodeTick(from: TopicPartition, { offset, timestamp, value }: LogRecord): Tick {
  try {
    const { positions } = JSON.parse(String(value)) as { positions?: unknown }
    if (typeof positions === 'object' && positions !== null) {
      const offsets = Object.values(positions)
      if (offsets.every((position) => Number.isSafeInteger(position)))
        return { timestamp, positions: positions as Tick['positions'] }
    }
  } catch {
    // Not JSON: reported below.
  }
  throw new InvalidTickError(from, offset)
}

interface Reading extends TopicPartition {
  readonly ticks: Tick[]
  readonly end: number
  position: number
}

/*
 * Reads the ticks that tasks being opened may have to repeat.
 * 1. Up to the high watermark, read after the stable offsets: a tick that belongs to them may not be stable yet.
 * 2. Only committed ones.
 */
export class TickLog {
  readonly #admin: LogAdmin
  readonly #newReader: () => LogReader

  constructor(admin: LogAdmin, newReader: () => LogReader) {
    this.#admin = admin
    this.#newReader = newReader
  }

  /**
   * Answers in the order of the partitions.
   * @param interrupted asked between polls
   * @throws RestoreInterruptedError, InvalidTickError
   */
  async read(partitions: readonly TickPartition[], interrupted: () => boolean): Promise<RecordedTicks[]> {
    if (partitions.length === 0) return []
    const ends = await this.#admin.highWatermarks(partitions)
    const begins = await this.#admin.earliestOffsets(partitions)
    const readings = partitions.map(({ topic, partition, position, skipsUnknown }, i): Reading => {
      const end = ends[i] as number
      const begin = begins[i] as number
      const isKnown = position !== null && position >= begin && position <= end
      return { topic, partition, ticks: [], end, position: isKnown ? position : skipsUnknown ? end : begin }
    })
    const behind = readings.filter(({ position, end }) => position < end)
    if (behind.length > 0) await this.#readAll(behind, interrupted)
    return readings
  }

  async #readAll(behind: readonly Reading[], interrupted: () => boolean): Promise<void> {
    const reader = this.#newReader()
    try {
      const left = new Map(behind.map((reading) => [partitionKey(reading), reading]))
      for (const reading of behind) reader.assign(reading, reading.position)
      while (left.size > 0) {
        if (interrupted()) throw new RestoreInterruptedError('the reading of idle ticks was interrupted')
        for (const fetched of await this.#poll(reader, left)) {
          const key = partitionKey(fetched)
          const reading = left.get(key)
          if (reading === undefined) continue
          for (const record of fetched.records) reading.ticks.push(decodeTick(reading, record))
          reading.position = fetched.position
          if (reading.position < reading.end) continue
          left.delete(key)
          reader.unassign(reading)
        }
      }
    } finally {
      await reader.close()
    }
  }

  async #poll(reader: LogReader, left: ReadonlyMap<string, Reading>): ReturnType<LogReader['poll']> {
    try {
      return await reader.poll(100)
    } catch (error) {
      if (!(error instanceof OffsetOutOfRangeError)) throw error
      // Somebody deleted records just now: what is left is read.
      const reading = left.get(partitionKey(error))
      if (reading === undefined) throw error
      const [begin] = await this.#admin.earliestOffsets([reading])
      reading.position = begin as number
      reader.assign(reading, reading.position)
      return []
    }
  }
}
