import type { MinOffset } from '../../../runtime/ports/instance.ts'
import { badRequest, HttpError } from '../errors.ts'

/** `topic:partition:offset`, some separated by commas: the answer must show these records of the input. */
export const MIN_OFFSET_HEADER = 'x-min-offset'

/**
 * Limit for one request of a client. Between instances there are more: the offsets after a repartition topic that stand for them.
 */
const MOST_OFFSETS = 16
const MOST_SENT_OFFSETS = 1024

export function parseMinOffsets(header: string | string[] | undefined, isSent: boolean): readonly MinOffset[] {
  if (header === undefined || header.length === 0) return []
  const texts = String(header).split(',')
  if (texts.length > (isSent ? MOST_SENT_OFFSETS : MOST_OFFSETS)) {
    throw badRequest(`${MIN_OFFSET_HEADER} takes at most ${MOST_OFFSETS} offsets`)
  }
  return texts.map((text) => {
    const [, topic, partition, offset] = /^\s*([A-Za-z0-9._-]{1,249}):(\d{1,9}):(\d{1,15})\s*$/.exec(text) ?? []
    if (topic === undefined) throw badRequest(`${MIN_OFFSET_HEADER} must be topic:partition:offset`)
    return { topic, partition: Number(partition), offset: Number(offset) }
  })
}

export function formatMinOffsets(offsets: readonly MinOffset[]): string {
  return offsets.map(({ topic, partition, offset }) => `${topic}:${partition}:${offset}`).join()
}

/** The store did not reach the offset in time: ask again. */
export const NOT_REACHED = 'OFFSET_NOT_REACHED'

export function notReached(): HttpError {
  return new HttpError(503, NOT_REACHED, `the store has not passed ${MIN_OFFSET_HEADER} yet`)
}
