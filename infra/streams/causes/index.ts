/** The public face of infra/streams/causes/. */
export type { Chain, ShownRecord, Step, StoreRow, Visit, WrittenRecord } from '../../../runtime/causes/chain.ts'
export type { Shown } from '../../../runtime/causes/shown-value.ts'
export { ForeignTopicError, NoSuchRecordError } from './asked-record.ts'
export type { Cause, HowKnown, MissingAnswers } from './cause.ts'
export { type FindCauseOptions, findCause } from './find-cause.ts'
