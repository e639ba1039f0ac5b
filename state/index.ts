/** The public face of state/. */

export { type Deferred, deferred } from './deferred.ts'
export { groupedBy } from './grouped-by.ts'
export { fromBinary, toBinary } from './keys/binary-key.ts'
export { noRoomError } from './no-room.ts'
export { compareText } from './ports/compare-text.ts'
export { counted } from './ports/counted.ts'
export {
  AsyncCallError,
  AsyncTimeoutError,
  CommitFailedError,
  CommitUnknownError,
  IllegalStateError,
  InvalidRecordError,
  MissingPackageError,
  messageOf,
  OffsetOutOfRangeError,
  RetriableError,
  StateDirectoryError,
  StreamsConfigError,
  StreamsError,
  StreamsTopologyError,
  TaskClosedError,
} from './ports/errors.ts'
export { type Headers, lastHeader, NO_HEADERS } from './ports/headers.ts'
export type { Serde, Serialized } from './ports/serde.ts'
export type { ValueAndTimestamp } from './ports/stores.ts'
export { partitionKey, partitionName } from './ports/topic-partition.ts'
export { fromPartKey, takePart } from './stores/changelog-parts.ts'
export { decodeKeptNumbers, KEPT_NUMBERS_KEY } from './stores/kept-numbers.ts'
