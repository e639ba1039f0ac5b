import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { HttpApplication } from '../../infra/http/index.ts'
import type { AsyncApiOptions } from '../../processors/events/async-api.ts'
import { rideSections } from './dashboard/ride-sections.ts'
import { DriversByPlace } from './drivers-by-place.ts'
import { type RideViews, rideViews } from './ride-views.ts'
import { analyticsRoutes, type DemandOptions } from './routes/analytics.ts'
import { type AuditOptions, auditRoutes } from './routes/audit.ts'
import { documentRoutes } from './routes/documents.ts'
import { driverRoutes, type PlaceOptions } from './routes/drivers.ts'
import { eventRoutes } from './routes/events.ts'
import { type OfferOptions, offerRoutes, withWebSockets } from './routes/offers.ts'
import { storeRoutes } from './routes/stores.ts'
import { addTransfer, type TransferOptions } from './transfer.ts'

export interface RideHttpOptions
  extends PlaceOptions,
    Partial<AsyncApiOptions>,
    Partial<Pick<OfferOptions, 'openOffers' | 'tracer'>>,
    Partial<DemandOptions>,
    Partial<AuditOptions>,
    TransferOptions {
  /** Default those of the ride topology. */
  readonly views?: RideViews
}

/** The ride application's routes (docs/queries.md) and its part of the dashboard, for the query server of infra/http. */
export function rideHttp(options: RideHttpOptions): HttpApplication {
  const { views = rideViews, h3Resolution, driverTtlMs, openOffers = null, openDemand = null, audit = null } = options
  const corsOrigins = options.httpCorsOrigins ?? []
  const { tracer = null } = options
  const { applicationId = 'ride-streams', outputRetentionMs = 604_800_000 } = options
  const require = createRequire(import.meta.url)
  return {
    title: 'ride-streams',
    description: 'Committed state of the ride-hailing streams. x-store-lag: records the store is behind its input.',
    license: { name: 'MIT', identifier: 'MIT' },
    aboutMissingStores: 'PROCESSORS says which processors run',
    prepare: (app) => addTransfer(app, options),
    routes(scope, context) {
      const drivers = new DriversByPlace(context)
      storeRoutes(scope, context, views)
      analyticsRoutes(scope, context, views, { openDemand })
      driverRoutes(scope, drivers, { h3Resolution, driverTtlMs })
      auditRoutes(scope, { audit })
      documentRoutes(scope, { applicationId, outputRetentionMs })
      eventRoutes(scope, context, { drivers, views, h3Resolution })
      void scope.register((inner) =>
        withWebSockets(inner, () => offerRoutes(inner, context, { openOffers, corsOrigins, tracer })),
      )
    },
    dashboard: {
      page: join(import.meta.dirname, 'dashboard', 'page'),
      libraries: { 'lib/h3.js': join(require.resolve('h3-js/package.json'), '..', 'dist/browser/h3-js.es.js') },
      sections: rideSections(views),
    },
  }
}
