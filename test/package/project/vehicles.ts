import { type DescribeRecord, type Plan, StreamsBuilder, serdes } from 'ride-streams'
import type { EventEnvelope } from 'ride-streams/events'

/** Requests by kind of vehicle: what KafkaStreams loads in each of its threads, and what the test driver runs. */
export function buildPlan({ applicationId }: { applicationId: string }): Plan {
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string })
  builder
    .stream<string, EventEnvelope<'trip.requested'>>('trip.requested', { valueSerde: serdes.json() })
    .groupBy((_tripId, { data }) => data.vehicleType)
    .count({ materialized: { name: 'requests-by-vehicle' } })
  return builder.build().build({ applicationId })
}

/** Log lines name bad records by these fields, beside topic, partition and offset. */
export const describeRecord: DescribeRecord = ({ key }) => ({ tripId: key?.toString() })
