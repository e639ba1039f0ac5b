/** `ride-streams/client`: asks a running application over HTTP. */
export {
  BadQuestionError,
  ClientError,
  HistoryGoneError,
  NotFoundError,
  UnauthorizedError,
  UnavailableError,
  UnexpectedAnswerError,
} from '../app/client/errors.ts'
export * from '../app/client/ride-streams-client.ts'
export type { MinOffset } from '../runtime/index.ts'
