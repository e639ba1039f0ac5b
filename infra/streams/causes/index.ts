/** The public face of infra/streams/causes/. */
export type { Chain, ShownRecord, Step, StoreRow, Visit, WrittenRecord } from '../../../runtime/causes/chain.ts'
export type { Shown } from '../../../runtime/causes/shown-value.ts'
export { ForeignTopicError, NoSuchRecordError } from './asked-record.ts'
export { type Cause, type FindCauseOptions, findCause, type HowKnown, type MissingAnswers } from './find-cause.ts'
