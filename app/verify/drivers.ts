import { hash } from 'node:crypto'
import {
  applyDriverEvent,
  cellChange,
  type DriverCell,
  type DriverCellChanged,
  driverCellSerde,
} from '../../processors/driver-cells/driver-cells.ts'
import { type DriverEvent, isLater } from '../../processors/events/ride-event.ts'
import { DRIVER_CELL_CHANGED_TOPIC } from '../../processors/topics.ts'
import { type LogRecord, REPLAY_HEADER } from '../../runtime/index.ts'
import { counted, lastHeader } from '../../state/index.ts'
import type { Differences } from './differences.ts'
import { keyName } from './key-name.ts'
import { LatestValues } from './latest-values.ts'

/** Changes of one driver in order; of all but the last only number and digest are held. */
interface Changes {
  readonly count: number
  readonly digest: string
  readonly last: string
}

interface FoldedDriver {
  readonly cell: DriverCell
  /** null: the driver is known from the store only. */
  readonly changes: Changes | null
}

interface Chain {
  readonly changes: Changes
  readonly cell: string | null
  /** A replay set right where the driver was left. */
  readonly isCorrected: boolean
  /** The first record that does not continue the chain, and what it should say; null while the chain holds. */
  readonly broken: { readonly expected: string; readonly found: string } | null
}

export interface DriverFoldOptions {
  readonly changelog: string
  readonly h3Resolution: number
  /** Retention has removed events of the partition: the store may know later ones, and is believed. */
  readonly isInputGone: boolean
  /** Retention has removed changes: chains may begin anywhere, or be gone altogether. */
  readonly isOutputGone: boolean
  /** A replay went back in time: chains may start again, and only the last cell of each driver is certain. */
  readonly isRewound: boolean
}

/*
 * The drivers of one partition, from its events: what the store and driver.cell.changed should hold.
 * 1. Events first, then the store, then the output, each in offset order.
 * 2. When nothing is gone, the changes of a driver must be those of the fold, each and in order.
 */
export class DriverFold {
  readonly drivers = new Map<string, FoldedDriver>()
  readonly #options: DriverFoldOptions
  readonly #chains = new Map<string, Chain>()

  constructor(options: DriverFoldOptions) {
    this.#options = options
  }

  add(event: DriverEvent): void {
    const { driverId } = event.data
    const before = this.drivers.get(driverId) ?? null
    const cell = applyDriverEvent(before?.cell ?? null, event, this.#options.h3Resolution)
    const change = cellChange(driverId, before?.cell ?? null, cell)
    const changes = before?.changes ?? null
    this.drivers.set(driverId, { cell, changes: change === null ? changes : extended(changes, JSON.stringify(change)) })
  }

  store(): LatestValues {
    return new LatestValues({
      topic: this.#options.changelog,
      expected: (driverId) => {
        const driver = this.drivers.get(driverId)
        return driver === undefined ? null : String(driverCellSerde.serialize('', driver.cell))
      },
      canonical: (bytes) => driverCellSerde.serialize('', driverCellSerde.deserialize('', bytes)),
    })
  }

  reportStore(rows: LatestValues, differences: Differences): void {
    const { changelog, isInputGone } = this.#options
    rows.report(differences, this.drivers.keys(), (driverId, found) => {
      const stored = isInputGone && found !== null ? readCell(found) : null
      const folded = this.drivers.get(driverId)
      if (stored === null || (folded !== undefined && !isLater(stored, folded.cell))) return false
      this.drivers.set(driverId, { cell: stored, changes: null })
      differences.unjudged(changelog)
      return true
    })
  }

  /** The next record of driver.cell.changed. */
  addChange({ key, value, offset, headers }: LogRecord): void {
    const driverId = keyName(key)
    const before = this.#chains.get(driverId)
    const text = value === null ? 'null' : value.toString('utf8')
    const change = readChange(text)
    const expected = before === undefined ? null : before.cell
    const begins = change?.previousCell === null
    const isFree = (before === undefined && this.#options.isOutputGone) || (begins && this.#options.isRewound)
    const holds = change !== null && (isFree || change.previousCell === expected)
    const broken = holds ? null : { expected: `previousCell ${expected}`, found: `${text} at offset ${offset}` }
    this.#chains.set(driverId, {
      changes: extended(before?.changes ?? null, text),
      cell: change === null ? null : change.cell,
      broken: before?.broken ?? broken,
      isCorrected: before?.isCorrected === true || lastHeader(headers, REPLAY_HEADER) !== undefined,
    })
  }

  reportOutput(differences: Differences): void {
    const topic = DRIVER_CELL_CHANGED_TOPIC
    const { isInputGone, isOutputGone, isRewound } = this.#options
    differences.checked(topic, this.#chains.size)
    for (const [key, chain] of this.#chains) {
      const { changes, broken } = chain
      const driver = this.drivers.get(key)
      const found = changes.last
      if (driver === undefined && isRewound) differences.unjudged(topic)
      else if (driver === undefined) differences.add({ topic, key, kind: 'unexpected', expected: null, found })
      else if (broken !== null) differences.add({ topic, key, kind: 'broken-chain', ...broken })
      else if (chain.cell !== driver.cell.cell) {
        const expected = driver.changes === null ? `cell ${driver.cell.cell}` : driver.changes.last
        differences.add({ topic, key, kind: 'different', expected, found })
      } else if (isRewound || chain.isCorrected) continue
      else if (isInputGone || driver.changes === null) differences.unjudged(topic)
      else if (found !== driver.changes.last) {
        differences.add({ topic, key, kind: 'different', expected: driver.changes.last, found })
      } else if (!isOutputGone && changes.digest !== driver.changes.digest) {
        const say = ({ count, digest }: Changes): string => `${counted(count, 'change')}, digest ${digest}`
        differences.add({ topic, key, kind: 'different', expected: say(driver.changes), found: say(changes) })
      }
    }
    for (const [key, { cell, changes }] of this.drivers) {
      if (this.#chains.has(key)) continue
      if (isOutputGone) differences.unjudged(topic)
      else {
        const expected = changes?.last ?? `cell ${cell.cell}`
        differences.add({ topic, key, kind: 'missing', expected, found: null })
      }
    }
  }
}

function extended(before: Changes | null, text: string): Changes {
  return { count: (before?.count ?? 0) + 1, digest: hash('sha1', `${before?.digest ?? ''}${text}`), last: text }
}

function readCell(text: string): DriverCell | null {
  try {
    return driverCellSerde.deserialize('', Buffer.from(text))
  } catch {
    // Not a row of the store: the difference shows the bytes.
    return null
  }
}

function readChange(text: string): Pick<DriverCellChanged, 'cell' | 'previousCell'> | null {
  try {
    const change = JSON.parse(text) as Partial<DriverCellChanged> | null
    const { cell, previousCell } = change ?? {}
    return typeof cell === 'string' && previousCell !== undefined ? { cell, previousCell } : null
  } catch {
    // Not JSON: it breaks the chain, and is shown as it is.
    return null
  }
}
