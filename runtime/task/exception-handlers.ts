import {
  InvalidRecordError,
  messageOf,
  ProductionError,
  RecordFailedError,
  RetriableError,
  SerdeError,
  StreamsError,
  UserCodeError,
} from '../../state/ports/errors.ts'
import { shownKind } from '../../state/ports/serde.ts'
import { partitionName } from '../../state/ports/topic-partition.ts'
import type {
  ExceptionHandlerFunction,
  ExceptionResponse,
  FailedInput,
  StreamsConfig,
} from '../instance/streams-config.ts'

/** The stage in which a record fails: each has its handler in the configuration, `<stage>ExceptionHandler`. */
export type Stage = 'deserialization' | 'processing' | 'production'

/** The stage of an error thrown by a processor, or by a sink after it. */
export function stageOf(error: unknown): Stage {
  return error instanceof ProductionError ? 'production' : 'processing'
}

/** Try the record again after a while: the handler says so. */
export class RecordRetryError extends RetriableError {
  constructor(record: FailedInput, cause: unknown) {
    const where = `offset ${record.offset} of ${partitionName(record)}`
    super('RECORD_RETRY', `${where} is tried again: ${messageOf(cause)}`, { cause })
  }
}

/** False when no record of that stage may be left out, whatever it is. Without a dead letter topic `dead-letter` is `fail`. */
export function mayLeaveOut(stage: Stage, config: StreamsConfig): boolean {
  const handler = config[`${stage}ExceptionHandler`]
  return handler !== 'fail' && (handler !== 'dead-letter' || config.deadLetterTopic !== null)
}

/** The answers of handlers. A failed record comes again to be left out, and its handler is not asked a second time. */
const said = new WeakMap<object, ExceptionResponse>()

const RESPONSES: readonly ExceptionResponse[] = ['fail', 'continue', 'dead-letter', 'retry']

/**
 * Asks the handler of that stage what happens to a record.
 * @throws RecordRetryError when it shall be tried again, UserCodeError when the handler fails
 */
export function decide(
  stage: Stage,
  config: StreamsConfig,
  error: unknown,
  record: () => FailedInput,
): Exclude<ExceptionResponse, 'retry'> {
  const handler = config[`${stage}ExceptionHandler`]
  const response = typeof handler === 'function' ? ask(handler, stage, asError(error), record()) : handler
  if (response === 'retry') throw new RecordRetryError(record(), error)
  return response === 'dead-letter' && config.deadLetterTopic === null ? 'fail' : response
}

function ask(handler: ExceptionHandlerFunction, stage: Stage, error: Error, record: FailedInput): ExceptionResponse {
  const known = said.get(error)
  if (known !== undefined) return known
  let response: ExceptionResponse
  try {
    response = handler(error, record)
  } catch (cause) {
    throw new UserCodeError(`the ${stage} exception handler failed: ${messageOf(cause)}`, { cause })
  }
  if (!RESPONSES.includes(response)) {
    throw new UserCodeError(
      `the ${stage} exception handler answered ${shownKind(response)}, not ${RESPONSES.join(', ')}`,
    )
  }
  if (response !== 'retry') said.set(error, response)
  return response
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

const RECORDS_FAULT = [InvalidRecordError, ProductionError, SerdeError, UserCodeError]

/** False for a broken store or an inconsistent topology, which would fail with any record. */
export function isRecordsFault(error: unknown): boolean {
  return !(error instanceof StreamsError) || RECORDS_FAULT.some((kind) => error instanceof kind)
}

const STOPPED_BY_RECORD = [RecordFailedError, RecordRetryError, ProductionError, UserCodeError]

/** True for what a task throws when no handler lets the record pass; false for whatever else stops it. */
export function isStoppedByRecord(error: unknown): boolean {
  return STOPPED_BY_RECORD.some((kind) => error instanceof kind)
}
