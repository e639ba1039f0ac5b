import {
  InvalidRecordError,
  ProductionError,
  SerdeError,
  StreamsError,
  UserCodeError,
} from '../../state/ports/errors.ts'
import type { ExceptionHandler, StreamsConfig } from '../instance/streams-config.ts'

/** Where a record fails: each has its handler in the configuration, `<stage>ExceptionHandler`. */
export type Stage = 'deserialization' | 'processing' | 'production'

/** The stage of what a processor threw, or a sink behind it. */
export function stageOf(error: unknown): Stage {
  return error instanceof ProductionError ? 'production' : 'processing'
}

/** Decides what happens to a record that failed. Without a dead letter topic `dead-letter` is `fail`. */
export function handlerOf(stage: Stage, config: StreamsConfig): ExceptionHandler {
  const handler = config[`${stage}ExceptionHandler`]
  return handler === 'dead-letter' && config.deadLetterTopic === null ? 'fail' : handler
}

const RECORDS_FAULT = [InvalidRecordError, ProductionError, SerdeError, UserCodeError]

/** A store that broke and a topology that contradicts itself would fail with any record. */
export function isRecordsFault(error: unknown): boolean {
  return !(error instanceof StreamsError) || RECORDS_FAULT.some((kind) => error instanceof kind)
}
