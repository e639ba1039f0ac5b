package peer;

import java.util.List;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** The whole job, as an engineer who knows Kafka Streams writes it. */
final class RideTopology {
    private static final Serde<String> KEY = Serdes.String();
    private static final Serde<byte[]> JSON = Serdes.ByteArray();

    static Topology build(final Properties config, final int h3Resolution) {
        final StreamsBuilder builder = new StreamsBuilder();
        final Serde<Event> events = Serdes.serdeFrom((topic, event) -> {
            throw new UnsupportedOperationException("events are only read");
        }, new EventDeserializer());

        final KTable<String, Trip> trips = builder
            .stream(List.of("trip.requested", "trip.accepted", "trip.started", "trip.completed", "trip.cancelled"), Consumed.with(KEY, events))
            .processValues(Steps.Check::new, Named.as("trip-check"))
            .groupByKey(Grouped.with(KEY, events))
            .aggregate(() -> Trip.NONE, (id, event, trip) -> trip.with(event),
                Materialized.<String, Trip, KeyValueStore<Bytes, byte[]>>as("trip-state").withKeySerde(KEY).withValueSerde(Rows.TRIP));
        trips.toStream().processValues(Steps.ViewTrip::new, Named.as("trip-view")).to("trip.state", Produced.with(KEY, JSON));

        // A trip that is not completed selects no hour, and Kafka Streams skips null keys.
        trips
            .groupBy((id, trip) -> trip.completed() == null ? KeyValue.<String, Long>pair(null, null)
                : KeyValue.pair(Instants.hour(trip.completed().at()), trip.completed().fare()),
                Grouped.<String, Long>as("revenue-by-hour").withKeySerde(KEY).withValueSerde(Serdes.Long()))
            .aggregate(() -> HourTotal.NONE,
                (hour, fare, total) -> new HourTotal(total.cents() + fare, total.trips() + 1),
                (hour, fare, total) -> new HourTotal(total.cents() - fare, total.trips() - 1),
                Materialized.<String, HourTotal, KeyValueStore<Bytes, byte[]>>as("hourly-revenue").withKeySerde(KEY).withValueSerde(Rows.HOUR))
            .toStream().processValues(Steps.ViewRevenue::new, Named.as("revenue-view")).to("analytics.hourly_revenue", Produced.with(KEY, JSON));

        builder.addStateStore(Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(Steps.DRIVER_CELLS), KEY, Rows.DRIVER).withCachingEnabled());
        builder.stream("driver.location.updated", Consumed.with(KEY, events))
            .processValues(Steps.Check::new, Named.as("driver-check"))
            .processValues(() -> new Steps.TrackCells(h3Resolution), Named.as("driver-cells-track"), Steps.DRIVER_CELLS)
            .to("driver.cell.changed", Produced.with(KEY, JSON));
        return builder.build(config);
    }
}
