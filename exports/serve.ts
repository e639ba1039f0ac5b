/** `ride-streams/serve`: the stores of a running topology over HTTP, and its live dashboard. */
export {
  HttpBindError,
  type HttpLimits,
  type KeyReader,
  type QueryServer,
  type ServedStreams,
  type ServeQueriesOptions,
  serveQueries,
} from '../infra/http/serve/index.ts'
export type { PlainRow } from '../runtime/index.ts'
