import { jsonSerde, type KTable } from '../topology/index.ts'
import { outputHeaders } from './events/correlation-headers.ts'
import { keySerde } from './events/event-serde.ts'
import { jsonOf, sumsRule } from './replay-rule.ts'
import { needed, type RideOutput, type RideProcessor, type TripSums } from './ride-processor.ts'
import type { Trip } from './trip-state/trip.ts'

interface TripSumsProcessor<Total extends object, Part extends NonNullable<unknown>, View extends object>
  extends TripSums<Total, Part, View>,
    Pick<RideOutput, 'key' | 'partitions' | 'meaning'>,
    Pick<RideProcessor, 'docs'> {}

/** A processor whose totals are sums over trips, but for its name. */
export function tripSumsProcessor<Total extends object, Part extends NonNullable<unknown>, View extends object>({
  key,
  partitions,
  meaning,
  docs,
  ...sums
}: TripSumsProcessor<Total, Part, View>): Omit<RideProcessor, 'name'> {
  const { store, output, empty, isEmpty, totalSerde } = sums
  const emptyRow = Buffer.from(String(totalSerde.serialize('', empty)))
  const rule = sumsRule((value) => isEmpty(jsonOf<View>(value)))
  return {
    needs: ['trip-state'],
    output: { topic: output, key, partitions, kept: 'last-rows', meaning, rule },
    stores: { [store]: sumsRule((value) => value.equals(emptyRow)) },
    build: ({ trips }) => buildTripSums(needed(trips, store), sums),
    fold: { use: (read) => read(sums) },
    docs,
  }
}

/**
 * Table trip-state -> repartition by the key of the sum -> table of the totals -> output topic. A correction reaches the totals as
 * old and new value of the trip's row: the old part leaves its total, the new one enters. What one commit brings to a total is one
 * record.
 */
function buildTripSums<Total extends object, Part extends NonNullable<unknown>, View extends object>(
  trips: KTable<string, Trip>,
  { store, output, partOf, add, remove, parts, empty, totalSerde, partSerde, view }: TripSums<Total, Part, View>,
): void {
  trips
    .groupBy<string, Part>((_tripId, trip) => partOf(trip), {
      name: store,
      keySerde,
      valueSerde: partSerde,
      sums: parts,
    })
    .aggregate<Total>({
      name: `${store}-fold`,
      initializer: () => empty,
      adder: (_key, part, total) => add(total, part),
      subtractor: (_key, part, total) => remove(total, part),
      materialized: { name: store, keySerde, valueSerde: totalSerde, immutableValues: true },
    })
    .toStream({ name: `${store}-changes` })
    .mapValues<View | null>((total, key) => (total === null ? null : view(key, total)), { name: `${store}-view` })
    .to(output, {
      name: `${store}-output`,
      keySerde,
      valueSerde: jsonSerde<View>(),
      headers: outputHeaders(output),
    })
}
