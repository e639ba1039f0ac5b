import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { Worker } from 'node:worker_threads'
import { CORE_PROCESSORS } from '../processors/processor-names.ts'
import { TRIP_STATUSES } from '../processors/trip-state/trip.ts'
import { AppProcess } from '../test/support/app-process.ts'
import type { BenchRun } from './bench-run.ts'
import { medianBy } from './median.ts'
import { type Shot, type ShotSetup, shoot } from './shoot.ts'

export interface QueryResults {
  /** Median rounds of GET /trips/:id on the owner and of a bare fastify route, run in turn. */
  readonly trips: Shot
  readonly bare: Shot
  /** trips / bare, of the medians. */
  readonly ratio: number
  /** GET /trips?status= of 50 trips, for every status. */
  readonly byStatus: Shot
  /** byStatus / trips. */
  readonly byStatusRatio: number
  /** The same while some events come in. */
  readonly byStatusMoving: Shot
  /** GET /trips/:id as often as it goes, while some events come in: hardly an answer holds for long. */
  readonly moving: Shot
  /** GET /trips/:id at a steady rate, while many events come in. */
  readonly underLoad: Shot
  readonly eventsPerSecond: number
}

export interface QuerySetup {
  /** Duration of each shot. */
  readonly seconds: number
  readonly rounds: number
  /** Input records that are there. */
  readonly events: number
}

const CONNECTIONS = 64
const TRIPS = 1000
const SOME_EVENTS_PER_SECOND = 1000
const EVENTS_PER_SECOND = 20_000
const REQUESTS_PER_SECOND = 500

/** Measures the cost of a query: one instance with all processors. */
export async function measureQueries(
  { bootstrap, applicationId, stateDir, committed }: BenchRun,
  { seconds, rounds, events }: QuerySetup,
): Promise<QueryResults> {
  const bare = await startBare()
  const app = await AppProcess.start({
    KAFKA_BROKERS: bootstrap,
    APPLICATION_ID: applicationId,
    STATE_DIR: stateDir,
    PROCESSORS: CORE_PROCESSORS.join(),
  })
  try {
    await Promise.all([committed(events), app.ready()])
    const paths = Array.from({ length: TRIPS }, (_, i) => `/trips/trip-${i}`)
    // The same number of requests to the bare server, because requests also cost the client CPU.
    const barePaths = paths.map(() => '/')
    const full = { connections: CONNECTIONS, seconds, perSecond: null }
    const shots: { trips: Shot; bare: Shot }[] = []
    for (let round = 0; round <= rounds; round++) {
      const bareShot = await shoot({ url: bare.url, paths: barePaths, ...full })
      const trips = await shoot({ url: app.url, paths, ...full })
      // The first warms both up.
      if (round > 0) shots.push({ trips, bare: bareShot })
    }
    const trips = median(shots.map((shot) => shot.trips))
    const bareShot = median(shots.map((shot) => shot.bare))
    const lists = TRIP_STATUSES.map((status) => `/trips?status=${status}`)
    // Builds the index, and warms up.
    await shoot({ url: app.url, paths: lists, ...full })
    const byStatus = await shoot({ url: app.url, paths: lists, ...full })
    const { shot: byStatusMoving } = await whileFed(bootstrap, SOME_EVENTS_PER_SECOND, {
      url: app.url,
      paths: lists,
      ...full,
    })
    const { shot: moving } = await whileFed(bootstrap, SOME_EVENTS_PER_SECOND, { url: app.url, paths, ...full })
    const steady = { connections: 10, seconds: seconds * 2, perSecond: REQUESTS_PER_SECOND }
    const loaded = await whileFed(bootstrap, EVENTS_PER_SECOND, { url: app.url, paths, ...steady })
    return {
      trips,
      bare: bareShot,
      ratio: trips.perSecond / bareShot.perSecond,
      byStatus,
      byStatusRatio: byStatus.perSecond / trips.perSecond,
      byStatusMoving,
      moving,
      underLoad: loaded.shot,
      eventsPerSecond: loaded.eventsPerSecond,
    }
  } finally {
    bare.stop()
    await app.end('SIGTERM')
  }
}

async function whileFed(
  bootstrap: string,
  perSecond: number,
  setup: ShotSetup,
): Promise<{ readonly shot: Shot; readonly eventsPerSecond: number }> {
  const feed = new Worker(new URL('./feed-worker.ts', import.meta.url), { workerData: { bootstrap, perSecond } })
  await once(feed, 'message')
  const shot = await shoot(setup)
  feed.postMessage('stop')
  const [eventsPerSecond] = (await once(feed, 'message')) as [number]
  return { shot, eventsPerSecond }
}

async function startBare(): Promise<{ readonly url: string; stop(): void }> {
  const child = spawn(process.execPath, [new URL('./bare-server.ts', import.meta.url).pathname], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [url] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return { url, stop: () => child.kill() }
}

function median(shots: readonly Shot[]): Shot {
  return medianBy(shots, ({ perSecond }) => perSecond)
}
