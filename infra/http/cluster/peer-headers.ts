import type { IncomingHttpHeaders } from 'node:http'
import { MIN_OFFSET_HEADER } from './min-offset.ts'

/** On a request between instances: answer in this role, and never pass it on. On answers: the role of the answering process. */
export const ROLE_HEADER = 'x-store-role'
/** On a request between instances: the partitions to answer from. */
export const PARTITIONS_HEADER = 'x-store-partitions'
/** On a request between instances: stream time is at least this, epoch ms. */
export const STREAM_TIME_HEADER = 'x-stream-time'

/** The headers of a request that decide its answer, for its proof. */
export function provenHeaders(headers: IncomingHttpHeaders): readonly string[] {
  return [ROLE_HEADER, PARTITIONS_HEADER, STREAM_TIME_HEADER, MIN_OFFSET_HEADER].map((name) =>
    String(headers[name] ?? ''),
  )
}
