import type { FastifyInstance, FastifyReply } from 'fastify'
import { getResolution, isValidCell } from 'h3-js'
import { badRequest, ROLE_HEADER, type Routed } from '../../../infra/http/index.ts'
import { failures, pageOf } from '../../../infra/http/schemas/index.ts'
import { Type } from '../../../topology/json-schema/index.ts'
import type { DriversByPlace } from '../drivers-by-place.ts'
import { type CellQuery, cellQuery, driverSchema, type NearbyQuery, nearbyQuery, nearbySchema } from '../schemas.ts'

/** The settings that questions by place need. */
export interface PlaceOptions {
  readonly h3Resolution: number
  /** Drivers silent for longer are not nearby, ms of stream time; 0 = no limit. */
  readonly driverTtlMs: number
}

/** Drivers by place, from the index of the store driver-cells. */
export function driverRoutes(app: FastifyInstance, drivers: DriversByPlace, options: PlaceOptions): void {
  app.get<{ Querystring: NearbyQuery }>(
    '/drivers/nearby',
    {
      schema: {
        tags: ['drivers'],
        operationId: 'listDriversNearby',
        summary: 'Available drivers around a point',
        description:
          'Available drivers within the radius, nearest first, with the great-circle distance in metres. Drivers silent for ' +
          'longer than DRIVER_TTL_MS before the latest event of any driver are left out.',
        querystring: nearbyQuery,
        response: { 200: pageOf(nearbySchema), ...failures },
      },
    },
    async (request, reply) => {
      const { lat, lng, radius, limit } = request.query
      const { driverTtlMs } = options
      // The schema's bounds let infinity through.
      if (![lat, lng, radius].every(Number.isFinite)) throw badRequest('lat, lng and radius must be finite')
      return send(reply, await drivers.nearby(request, { lat, lng, radius, limit, driverTtlMs }))
    },
  )

  app.get<{ Params: { h3: string }; Querystring: CellQuery }>(
    '/cells/:h3',
    {
      config: { hasCursor: true },
      schema: {
        tags: ['drivers'],
        operationId: 'listDriversInCell',
        summary: 'Drivers in a cell',
        description: 'Drivers who are in the cell now, by their own cell and driverId. No finer than H3_RESOLUTION.',
        params: Type.Object({ h3: Type.String({ description: 'H3 index', examples: ['872a100d2ffffff'] }) }),
        querystring: cellQuery,
        response: { 200: pageOf(driverSchema), ...failures },
      },
    },
    async (request, reply) => {
      const { limit, cursor } = request.query
      const cell = cellOf(request.params.h3, options.h3Resolution)
      return send(reply, await drivers.inCell(request, { cell, limit, cursor }))
    },
  )
}

function send<T>(reply: FastifyReply, { result, lag, role }: Routed<T>): T {
  reply.header('x-store-lag', lag).header(ROLE_HEADER, role)
  return result
}

/** Throws 400 for a text that is not a cell, or a cell finer than those of the drivers. */
export function cellOf(text: string, finest: number): string {
  const cell = text.toLowerCase()
  if (!/^8[0-9a-f]{14}$/.test(cell) || !isValidCell(cell)) throw badRequest(`"${text}" is not an H3 cell`)
  const resolution = getResolution(cell)
  if (resolution <= finest) return cell
  throw badRequest(
    `cell ${text} has resolution ${resolution}; ask for ${finest}, the resolution of the drivers' cells, or a coarser one`,
  )
}
