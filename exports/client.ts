/** `ride-streams/client`: asks a running application over HTTP. */
export {
  BadQuestionError,
  ClientError,
  HistoryGoneError,
  NotFoundError,
  UnauthorizedError,
  UnavailableError,
  UnexpectedAnswerError,
} from '../infra/client/errors.ts'
export * from '../infra/client/ride-streams-client.ts'
export type { MinOffset } from '../runtime/ports/instance.ts'
