import {
  addTrip,
  centsSerde,
  EMPTY_HOUR,
  type HourTotal,
  hourAndFare,
  hourlyRevenueOf,
  hourTotalSerde,
  removeTrip,
} from '../../processors/hourly-revenue.ts'
import { HOURLY_REVENUE_TOPIC } from '../../processors/topics.ts'
import type { Trip } from '../../processors/trip.ts'
import type { LogRecord } from '../../runtime/ports/log.ts'
import { changeSerde } from '../../topology/change-serde.ts'
import type { Differences } from './differences.ts'
import { LatestValues } from './latest-values.ts'

const pendingSerde = changeSerde(centsSerde)

/*
 * Revenue per hour: what the trips add up to, less what is still on its way through the repartition topic. An hour
 * without trips may be there (they moved away) or not (they moved away before anybody saw them).
 */
export class HourFold {
  readonly hours = new Map<string, HourTotal>()

  add(trip: Trip): void {
    const counted = hourAndFare(trip)
    if (counted !== null) this.hours.set(counted[0], addTrip(this.#at(counted[0]), counted[1]))
  }

  /** A change that is written to the repartition topic and not yet processed. */
  takeBack({ key, value }: LogRecord): void {
    if (key === null || value === null) return
    const hour = key.toString('utf8')
    const { newValue, oldValue } = pendingSerde.deserialize('', value)
    if (newValue !== null) this.hours.set(hour, removeTrip(this.#at(hour), newValue))
    if (oldValue !== null) this.hours.set(hour, addTrip(this.#at(hour), oldValue))
  }

  store(topic: string): LatestValues {
    return new LatestValues({
      topic,
      expected: (hour) => this.#text(hour, (total) => String(hourTotalSerde.serialize('', total))),
      canonical: (bytes) => hourTotalSerde.serialize('', hourTotalSerde.deserialize('', bytes)),
    })
  }

  output(): LatestValues {
    return new LatestValues({
      topic: HOURLY_REVENUE_TOPIC,
      expected: (hour) => this.#text(hour, (total) => JSON.stringify(hourlyRevenueOf(hour, total))),
      canonical: (bytes) => bytes,
    })
  }

  report(rows: LatestValues, differences: Differences, emptyText: (hour: string) => string): void {
    rows.report(
      differences,
      this.hours.keys(),
      (hour, found) => this.#at(hour).trips === 0 && (found === null || found === emptyText(hour)),
      (hour) => this.#at(hour).trips === 0,
    )
  }

  #at(hour: string): HourTotal {
    return this.hours.get(hour) ?? EMPTY_HOUR
  }

  #text(hour: string, text: (total: HourTotal) => string): string | null {
    const total = this.hours.get(hour)
    return total === undefined ? null : text(total)
  }
}

export const emptyStoreRow = (): string => String(hourTotalSerde.serialize('', EMPTY_HOUR))
export const emptyOutputRow = (hour: string): string => JSON.stringify(hourlyRevenueOf(hour, EMPTY_HOUR))
