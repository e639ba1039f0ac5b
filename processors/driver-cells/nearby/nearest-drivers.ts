import { cellToChildren, getHexagonEdgeLengthAvg } from 'h3-js'
import type { CommittedIndex, IndexEntry } from '../../../topology/index.ts'
import { cellsAround, leastDistance } from '../../geo/cells-around.ts'
import { distanceMeters, type Point } from '../../geo/great-circle.ts'
import type { DriverCell } from '../driver-cell.ts'
import { AVAILABLE, cellTerm, firstTermIn } from './cell-terms.ts'
import { PriorityQueue } from './priority-queue.ts'
import { leastStreamTime } from './stream-time.ts'

/** Plain data: it crosses threads and instances. */
export interface NearbyQuestion extends Point {
  /** Metres. */
  readonly radius: number
  readonly limit: number
  /** 0 = no limit. */
  readonly driverTtlMs: number
  /** Stream time (stream-time.ts) is at least this, epoch ms. */
  readonly streamTime: number
}

export interface NearbyDriver {
  readonly driverId: string
  readonly driver: DriverCell
  /** Metres. */
  readonly distance: number
}

/** The answer of one partition: the nearest of its drivers. */
export interface NearbyAnswer {
  readonly rows: readonly NearbyDriver[]
  /** True when there may be more within the radius. */
  readonly isFull: boolean
  /** Drivers the partition knows. */
  readonly known: number
  /** The greatest times of its drivers' last events, descending, epoch ms. */
  readonly latestTimes: readonly number[]
}

type Step = { readonly distance: number } & (
  | { readonly cell: string; readonly resolution: number }
  | { readonly cell: null; readonly found: NearbyDriver }
)

const FINEST = 15
/** Up to so many drivers of a cell are checked one by one; more by the cell's children. */
const FEW = 24

/**
 * The nearest available drivers of one partition. A best-first search down the hierarchy of cells: a ring of cells of about the
 * radius' size, then always the nearest thing known, until as many drivers as asked for are nearer than any cell left.
 */
export function nearestDrivers(index: CommittedIndex<string, DriverCell>, question: NearbyQuestion): NearbyAnswer {
  const { radius, limit } = question
  const streamTime = Math.max(question.streamTime, leastStreamTime(index.latestTimes))
  const queue = new PriorityQueue(comesBefore)
  const search = { index, question, streamTime, queue }
  begin(search)
  const rows: NearbyDriver[] = []
  for (let step = queue.pop(); step !== undefined && step.distance <= radius; step = queue.pop()) {
    if (step.cell !== null) expand(search, step.cell, step.resolution)
    else if (rows.push(step.found) === limit) break
  }
  return { rows, isFull: rows.length === limit, known: index.size, latestTimes: [...index.latestTimes] }
}

interface Search {
  readonly index: CommittedIndex<string, DriverCell>
  readonly question: NearbyQuestion
  readonly streamTime: number
  readonly queue: PriorityQueue<Step>
}

/** Drivers stored at a coarser resolution than the ring's are in none of its cells, so their own rings are searched too. */
function begin(search: Search): void {
  const { index, question } = search
  const resolution = resolutionOf(question.radius)
  for (const cell of cellsAround(question, question.radius, resolution)) pushCell(search, cell, resolution)
  for (let coarser = resolution - 1; coarser >= 0; coarser--) {
    for (const cell of cellsAround(question, question.radius, coarser)) {
      for (const entry of standingIn(index, cell)) look(search, entry)
    }
  }
}

/** The finest whose cells are not smaller than the radius. */
function resolutionOf(radius: number): number {
  let resolution = FINEST
  while (resolution > 0 && getHexagonEdgeLengthAvg(resolution, 'm') < radius) resolution--
  return resolution
}

function expand(search: Search, cell: string, resolution: number): void {
  const { index, question } = search
  const within = index.entries(AVAILABLE + firstTermIn(cell), AVAILABLE + cellTerm(cell))
  const few = atMost(within, resolution === FINEST ? Number.POSITIVE_INFINITY : FEW)
  if (few !== null) {
    for (const entry of few) look(search, entry)
    return
  }
  for (const entry of standingIn(index, cell)) look(search, entry)
  for (const child of cellToChildren(cell, resolution + 1)) {
    if (leastDistance(question, child, resolution + 1) <= question.radius) pushCell(search, child, resolution + 1)
  }
}

/** The drivers whose cell is this one and not a descendant of it. */
function standingIn(index: CommittedIndex<string, DriverCell>, cell: string): Iterable<IndexEntry> {
  const term = AVAILABLE + cellTerm(cell)
  return index.entries(term, term)
}

/** All of them, or null when there are more. */
function atMost(entries: Iterable<IndexEntry>, most: number): readonly IndexEntry[] | null {
  const taken: IndexEntry[] = []
  for (const entry of entries) if (taken.push(entry) > most) return null
  return taken
}

function pushCell({ question, queue }: Search, cell: string, resolution: number): void {
  queue.push({ distance: leastDistance(question, cell, resolution), cell, resolution })
}

function look({ index, question, streamTime, queue }: Search, entry: IndexEntry): void {
  const row = index.row(entry)
  if (row === null || isSilent(row.value, streamTime, question.driverTtlMs)) return
  const distance = distanceMeters(question, row.value)
  if (distance > question.radius) return
  queue.push({ distance, cell: null, found: { driverId: row.key, driver: row.value, distance } })
}

export function isSilent(driver: DriverCell, streamTime: number, driverTtlMs: number): boolean {
  return driverTtlMs > 0 && streamTime - driver.at > driverTtlMs
}

/** At equal distance cells come first, as they may hold such drivers; drivers are ordered by id. */
function comesBefore(a: Step, b: Step): boolean {
  if (a.distance !== b.distance) return a.distance < b.distance
  if (a.cell !== null || b.cell !== null) return a.cell !== null && b.cell === null
  return a.found.driverId < b.found.driverId
}
