import type { TripSums } from '../../processors/ride-processor.ts'
import type { Trip } from '../../processors/trip-state/trip.ts'
import type { LogRecord } from '../../runtime/index.ts'
import { changeSerde, type Serde } from '../../topology/index.ts'
import type { Differences } from './differences.ts'
import { LatestValues } from './latest-values.ts'

/*
 * Sums over trips: what the trips add up to, less what is still on its way through the repartition topic. A row
 * without trips may be there (they moved away) or not (they moved away before anybody saw them).
 */
export class TotalsFold<Total extends object, Part extends NonNullable<unknown>, View extends object> {
  /** The output topic. */
  readonly topic: string
  readonly totals = new Map<string, Total>()
  readonly #rules: TripSums<Total, Part, View>
  /** Taken back at once, when all is added: a trip may be pending twice, and what its first change brought is what the second took. */
  readonly #pending = new Map<string, Part>()
  readonly #pendingSerde: Serde<{ readonly newValue: Part | null; readonly oldValue: Part | null }>

  constructor(rules: TripSums<Total, Part, View>) {
    this.#rules = rules
    this.topic = rules.output
    this.#pendingSerde = changeSerde(rules.partSerde)
  }

  add(trip: Trip): void {
    const counted = this.#rules.partOf(trip)
    if (counted !== null) this.totals.set(counted[0], this.#rules.add(this.#at(counted[0]), counted[1]))
  }

  /** A change that is written to the repartition topic and not yet processed. */
  takeBack({ key, value }: LogRecord): void {
    if (key === null || value === null) return
    const name = key.toString('utf8')
    const { newValue, oldValue } = this.#pendingSerde.deserialize('', value)
    const { parts } = this.#rules
    let sum: Part = this.#pending.get(name) ?? parts.none()
    if (oldValue !== null) sum = parts.subtract(sum, oldValue)
    if (newValue !== null) sum = parts.add(sum, newValue)
    this.#pending.set(name, sum)
  }

  /** After all that is pending. */
  store(topic: string): LatestValues {
    const { totalSerde, remove } = this.#rules
    for (const [name, part] of this.#pending) this.totals.set(name, remove(this.#at(name), part))
    this.#pending.clear()
    return new LatestValues({
      topic,
      expected: (key) => this.#text(key, (total) => String(totalSerde.serialize('', total))),
      canonical: (bytes) => totalSerde.serialize('', totalSerde.deserialize('', bytes)),
    })
  }

  output(): LatestValues {
    const { output, view } = this.#rules
    return new LatestValues({
      topic: output,
      expected: (key) => this.#text(key, (total) => JSON.stringify(view(key, total))),
      canonical: (bytes) => bytes,
    })
  }

  reportStore(rows: LatestValues, differences: Differences): void {
    const { empty, totalSerde } = this.#rules
    const emptyRow = String(totalSerde.serialize('', empty))
    this.#report(rows, differences, () => emptyRow)
  }

  reportOutput(rows: LatestValues, differences: Differences): void {
    const { empty, view } = this.#rules
    this.#report(rows, differences, (key) => JSON.stringify(view(key, empty)))
  }

  #report(rows: LatestValues, differences: Differences, emptyText: (key: string) => string): void {
    const isEmpty = (key: string): boolean => this.#rules.isEmpty(this.#at(key))
    rows.report(
      differences,
      this.totals.keys(),
      (key, found) => isEmpty(key) && (found === null || found === emptyText(key)),
      isEmpty,
    )
  }

  #at(key: string): Total {
    return this.totals.get(key) ?? this.#rules.empty
  }

  #text(key: string, text: (total: Total) => string): string | null {
    const total = this.totals.get(key)
    return total === undefined ? null : text(total)
  }
}

/** Whatever they add up. */
export type AnyTotals = Pick<
  TotalsFold<object, object, object>,
  'topic' | 'add' | 'takeBack' | 'store' | 'output' | 'reportStore' | 'reportOutput'
>
