import {
  InvalidRecordError,
  ProductionError,
  SerdeError,
  StreamsError,
  UserCodeError,
} from '../../state/ports/errors.ts'
import type { ExceptionHandler, StreamsConfig } from '../instance/streams-config.ts'

/** The stage in which a record fails: each has its handler in the configuration, `<stage>ExceptionHandler`. */
export type Stage = 'deserialization' | 'processing' | 'production'

/** The stage of an error thrown by a processor, or by a sink after it. */
export function stageOf(error: unknown): Stage {
  return error instanceof ProductionError ? 'production' : 'processing'
}

/** Decides what happens to a record that failed. Without a dead letter topic `dead-letter` is `fail`. */
export function handlerOf(stage: Stage, config: StreamsConfig): ExceptionHandler {
  const handler = config[`${stage}ExceptionHandler`]
  return handler === 'dead-letter' && config.deadLetterTopic === null ? 'fail' : handler
}

const RECORDS_FAULT = [InvalidRecordError, ProductionError, SerdeError, UserCodeError]

/** False for a broken store or an inconsistent topology, which would fail with any record. */
export function isRecordsFault(error: unknown): boolean {
  return !(error instanceof StreamsError) || RECORDS_FAULT.some((kind) => error instanceof kind)
}
