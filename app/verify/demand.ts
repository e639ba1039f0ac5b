import {
  addDemand,
  cellDemandOf,
  closesAt,
  type Demand,
  type DemandProgress,
  demandOf,
  demandProgress,
  demandSerde,
  windowStartOf,
} from '../../processors/cell-demand/cell-demand.ts'
import { formatSecond } from '../../processors/time/format-instant.ts'
import { CELL_DEMAND_TOPIC } from '../../processors/topics.ts'
import type { Trip } from '../../processors/trip-state/trip.ts'
import { type LogRecord, partitionForKey } from '../../runtime/index.ts'
import { decodeKeptNumbers, KEPT_NUMBERS_KEY } from '../../state/index.ts'
import type { Differences } from './differences.ts'
import { keyName } from './key-name.ts'

interface Window {
  readonly cell: string
  readonly start: number
  readonly demand: Demand
}

interface Found {
  readonly text: string | null
  readonly demand: Demand | null
}

export interface DemandFoldOptions {
  readonly changelog: string
  /** Partitions of the windows. */
  readonly partitions: number
  /** Retention has removed rows of the output. */
  readonly isOutputGone: boolean
  /** The application may have gone back behind windows that were closed. */
  readonly isRewound: boolean
}

const NOTHING: Demand = { requests: 0, completions: 0 }
const NO_NUMBERS: ReadonlyMap<string, number> = new Map()

/*
 * Requests and completions by cell and window: open windows in the store, closed ones in analytics.cell_demand.
 * 1. What a task dropped because it was late is known by number only. Rows may lack so much in all, per task: they count
 *    as unjudged. More than that is a difference.
 * 2. A window without anything may be there or not.
 */
export class DemandFold {
  readonly #options: DemandFoldOptions
  readonly #windows = new Map<string, Window>()
  readonly #store = new Map<string, Found>()
  readonly #output = new Map<string, Found>()
  /** The difference in counts that late records still excuse, by partition. */
  readonly #late: number[] = []
  /** How far each task of the windows is, by partition. */
  readonly #progress: DemandProgress[]

  constructor(options: DemandFoldOptions) {
    this.#options = options
    this.#progress = Array.from({ length: options.partitions }, () => demandProgress(NO_NUMBERS))
  }

  add(trip: Trip): void {
    for (const { cell, at, demand } of demandOf(trip)) if (at >= 0) this.#count(cell, at, demand)
  }

  /** A change that is written to the repartition topic and not yet processed. */
  takeBack({ key, value, timestamp }: LogRecord): void {
    if (key === null || value === null) return
    const { requests, completions } = demandSerde.deserialize('', value)
    this.#count(key.toString('utf8'), timestamp, { requests: -requests, completions: -completions })
  }

  addStored(partition: number, { key, value }: LogRecord): void {
    if (key?.equals(KEPT_NUMBERS_KEY) === true)
      this.#progress[partition] = demandProgress(value === null ? NO_NUMBERS : decodeKeptNumbers(String(value)))
    else this.#store.set(keyName(key), foundIn(value))
  }

  addOutput({ key, value }: LogRecord): void {
    this.#output.set(keyName(key), foundIn(value))
  }

  report(differences: Differences): void {
    const { changelog } = this.#options
    this.#late.push(...this.#progress.map(({ late }) => late))
    differences.checked(changelog, this.#store.size)
    differences.checked(CELL_DEMAND_TOPIC, this.#output.size)
    for (const { cell, start, demand } of this.#windows.values()) {
      const isClosed = closesAt(start) <= (this.#progress[this.#partition(cell)]?.closed ?? -1)
      const [inStore, inOutput] = [`${formatSecond(start)}@${cell}`, `${cell}@${formatSecond(start)}`]
      const stored = take(this.#store, inStore)
      const put = take(this.#output, inOutput)
      this.#judge(differences, cell, {
        topic: changelog,
        key: inStore,
        wanted: isClosed ? NOTHING : demand,
        found: stored,
      })
      const mayBeGone = put === undefined && this.#options.isOutputGone
      if (mayBeGone && isClosed) differences.unjudged(CELL_DEMAND_TOPIC)
      else {
        const wanted = isClosed ? demand : NOTHING
        const expected = JSON.stringify(cellDemandOf(cell, start, wanted))
        this.#judge(differences, cell, { topic: CELL_DEMAND_TOPIC, key: inOutput, wanted, found: put, expected })
      }
    }
    for (const [key, found] of this.#store) {
      this.#judge(differences, key.slice(key.indexOf('@') + 1), { topic: changelog, key, wanted: NOTHING, found })
    }
    for (const [key, found] of this.#output) {
      this.#judge(differences, key.slice(0, key.indexOf('@')), {
        topic: CELL_DEMAND_TOPIC,
        key,
        wanted: NOTHING,
        found,
      })
    }
  }

  #judge(
    differences: Differences,
    cell: string,
    row: { topic: string; key: string; wanted: Demand; found: Found | undefined; expected?: string },
  ): void {
    const { topic, key, wanted, found } = row
    const text = found?.text ?? null
    const expected = isNothing(wanted) ? null : (row.expected ?? JSON.stringify(wanted))
    const isOther = topic === CELL_DEMAND_TOPIC && text !== null && !isNothing(wanted) && !isSameRow(text, expected)
    const demand = text === null ? NOTHING : (found?.demand ?? null)
    const off = demand === null ? Number.POSITIVE_INFINITY : distance(demand, wanted)
    if (off === 0 && !isOther) return
    if (this.#options.isRewound && topic === CELL_DEMAND_TOPIC && expected === null) {
      differences.unjudged(topic)
      return
    }
    const partition = this.#partition(cell)
    const late = this.#late[partition] ?? 0
    if (off > 0 && off <= late) {
      this.#late[partition] = late - off
      differences.unjudged(topic)
      return
    }
    const kind = text === null ? 'missing' : expected === null ? 'unexpected' : 'different'
    differences.add({ topic, key, kind, expected, found: text })
  }

  #count(cell: string, at: number, demand: Demand): void {
    const start = windowStartOf(at)
    const key = `${start} ${cell}`
    const before = this.#windows.get(key)?.demand ?? NOTHING
    this.#windows.set(key, { cell, start, demand: addDemand(before, demand) })
  }

  #partition(cell: string): number {
    return partitionForKey(cell, Math.max(1, this.#options.partitions))
  }
}

function take<T>(rows: Map<string, T>, key: string): T | undefined {
  const row = rows.get(key)
  rows.delete(key)
  return row
}

function foundIn(value: Buffer | null): Found {
  const text = value === null ? null : value.toString('utf8')
  if (text === null) return { text, demand: null }
  try {
    const { requests, completions } = JSON.parse(text) as Partial<Demand>
    const isDemand = typeof requests === 'number' && typeof completions === 'number'
    return { text, demand: isDemand ? { requests, completions } : null }
  } catch {
    // No row at all: it differs, and is shown as it is.
    return { text, demand: null }
  }
}

function isSameRow(text: string, expected: string | null): boolean {
  const withoutCounts = (row: string): string => row.replace(/"(requests|completions)":\d+/g, '')
  return expected !== null && withoutCounts(text) === withoutCounts(expected)
}

const isNothing = ({ requests, completions }: Demand): boolean => requests === 0 && completions === 0

const distance = (a: Demand, b: Demand): number =>
  Math.abs(a.requests - b.requests) + Math.abs(a.completions - b.completions)
