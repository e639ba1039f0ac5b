/** The public face of infra/http/serve/: queries of any topology over HTTP. It loads the server on use. */
export type { HttpApplication, RouteContext } from '../application.ts'
export type { DashboardPart, DashboardSection } from '../dashboard/application.ts'
export type { HttpLimits } from '../limits.ts'
export { HttpBindError } from '../port/http-bind-error.ts'
export type { KeyReader } from '../routes/stores.ts'
export { type QueryServer, type ServedStreams, type ServeQueriesOptions, serveQueries } from './serve-queries.ts'
