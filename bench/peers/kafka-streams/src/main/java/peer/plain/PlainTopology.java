package peer.plain;

import com.uber.h3core.H3Core;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
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
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.ContextualFixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;
import peer.plain.Events.Event;
import peer.plain.Outputs.CellChange;
import peer.plain.Outputs.DriverCell;
import peer.plain.Outputs.HourTotal;
import peer.plain.Outputs.HourlyRevenue;
import peer.plain.Outputs.TripState;

/** The job as the documentation of Kafka Streams advises to write it: the DSL, records, Jackson's databind for everything. */
public final class PlainTopology {
    private static final String DRIVER_CELLS = "driver-cells";
    private static final Serde<String> KEY = Serdes.String();

    public static Topology build(final Properties config, final int h3Resolution) {
        final StreamsBuilder builder = new StreamsBuilder();
        final Serde<Event> events = JsonSerde.of(Event.class);

        final KTable<String, Trip> trips = builder
            .stream(List.of("trip.requested", "trip.accepted", "trip.started", "trip.completed", "trip.cancelled"), Consumed.with(KEY, events))
            .groupByKey(Grouped.with(KEY, events))
            .aggregate(() -> new Trip(null, null, null, null, null), (id, event, trip) -> trip.with(event),
                Materialized.<String, Trip, KeyValueStore<Bytes, byte[]>>as("trip-state").withKeySerde(KEY).withValueSerde(JsonSerde.of(Trip.class)));
        trips.toStream().mapValues(Outputs::tripState).processValues(() -> new Stamp<TripState>("trip.state"))
            .to("trip.state", Produced.with(KEY, JsonSerde.of(TripState.class)));

        trips
            .groupBy((id, trip) -> trip.completed() == null ? KeyValue.<String, BigDecimal>pair(null, null)
                : KeyValue.pair(hour(trip.completed().at()), trip.completed().fare()),
                Grouped.<String, BigDecimal>as("revenue-by-hour").withKeySerde(KEY).withValueSerde(JsonSerde.of(BigDecimal.class)))
            .aggregate(() -> new HourTotal(BigDecimal.ZERO, 0),
                (hour, fare, total) -> new HourTotal(total.revenue().add(fare), total.trips() + 1),
                (hour, fare, total) -> new HourTotal(total.revenue().subtract(fare), total.trips() - 1),
                Materialized.<String, HourTotal, KeyValueStore<Bytes, byte[]>>as("hourly-revenue").withKeySerde(KEY).withValueSerde(JsonSerde.of(HourTotal.class)))
            .toStream().mapValues((hour, total) -> new HourlyRevenue(hour, Outputs.money(total.revenue()), total.trips()))
            .processValues(() -> new Stamp<HourlyRevenue>("analytics.hourly_revenue"))
            .to("analytics.hourly_revenue", Produced.with(KEY, JsonSerde.of(HourlyRevenue.class)));

        builder.addStateStore(Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(DRIVER_CELLS), KEY, JsonSerde.of(DriverCell.class)).withCachingEnabled());
        builder.stream("driver.location.updated", Consumed.with(KEY, events))
            .processValues(() -> new TrackCells(h3Resolution), DRIVER_CELLS)
            .processValues(() -> new Stamp<CellChange>("driver.cell.changed"))
            .to("driver.cell.changed", Produced.with(KEY, JsonSerde.of(CellChange.class)));
        return builder.build(config);
    }

    private static String hour(final long at) {
        return java.time.Instant.ofEpochMilli(at).truncatedTo(java.time.temporal.ChronoUnit.HOURS).toString();
    }

    private static final class TrackCells extends ContextualFixedKeyProcessor<String, Event, CellChange> {
        private final int resolution;
        private KeyValueStore<String, DriverCell> cells;
        private H3Core h3;

        TrackCells(final int resolution) {
            this.resolution = resolution;
        }

        @Override
        public void init(final FixedKeyProcessorContext<String, CellChange> context) {
            super.init(context);
            cells = context.getStateStore(DRIVER_CELLS);
            try {
                h3 = H3Core.newInstance();
            } catch (final IOException error) {
                throw new UncheckedIOException(error);
            }
        }

        @Override
        public void process(final FixedKeyRecord<String, Event> record) {
            final Event event = record.value();
            final DriverCell before = cells.get(record.key());
            if (before != null && !event.mark().after(before.mark())) return;
            final var place = event.data().location();
            final String cell = h3.latLngToCellAddress(place.lat(), place.lng(), resolution);
            cells.put(record.key(), new DriverCell(event.mark(), cell, place.lat(), place.lng(), event.data().status()));
            if (before != null && before.cell().equals(cell)) return;
            context().forward(record.withValue(new CellChange(record.key(), cell, before == null ? null : before.cell(), place.lat(), place.lng(),
                event.data().status(), Outputs.at(event.mark()))).withHeaders(correlation(record.headers(), event)));
        }
    }

    private static Headers correlation(final Headers before, final Event event) {
        final Headers headers = new RecordHeaders(before);
        if (event.correlationId() != null) headers.add("correlation-id", event.correlationId().getBytes(StandardCharsets.UTF_8));
        return headers;
    }

    /** The headers that every output carries. */
    private static final class Stamp<V> extends ContextualFixedKeyProcessor<String, V, V> {
        private final String type;

        Stamp(final String type) {
            this.type = type;
        }

        @Override
        public void process(final FixedKeyRecord<String, V> record) {
            final Headers headers = new RecordHeaders(record.headers());
            headers.add("event-type", type.getBytes(StandardCharsets.UTF_8));
            headers.add("event-version", "1.0".getBytes(StandardCharsets.UTF_8));
            context().forward(record.withHeaders(headers));
        }
    }
}
