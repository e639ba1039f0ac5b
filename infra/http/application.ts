import type { FastifyInstance } from 'fastify'
import type { StreamsInstance } from '../../runtime/ports/instance.ts'
import type { QueryRouter } from './cluster/query-router.ts'
import type { DashboardPart } from './dashboard/application.ts'
import type { Subscribers } from './events/event-stream.ts'

/** Every topology has routes and a dashboard; these are the parts that an application adds. */
export interface HttpApplication {
  /** Title and description of /openapi.json. */
  readonly title?: string
  readonly description?: string
  /** Its license, by name and SPDX identifier. */
  readonly license?: { readonly name: string; readonly identifier: string }
  /** Words that explain why a store of a route may be missing. */
  readonly aboutMissingStores?: string
  /** Adds plugins of the server, before there are routes. They see preflight requests before the token is asked for. */
  readonly prepare?: (app: FastifyInstance) => Promise<void>
  readonly routes?: (scope: FastifyInstance, context: RouteContext) => void
  readonly dashboard?: DashboardPart
}

/** The routes of an application answer with the help of these. */
export interface RouteContext {
  readonly instance: StreamsInstance
  readonly router: QueryRouter
  readonly subscribers: Subscribers
}
