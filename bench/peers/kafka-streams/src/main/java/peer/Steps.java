package peer;

import com.uber.h3core.H3Core;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.processor.api.ContextualFixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.KeyValueStore;

/** The processors between source and sink. */
final class Steps {
    static final String DRIVER_CELLS = "driver-cells";

    /** Key and presence of the value; reduces the headers to correlation-id. */
    static final class Check extends ContextualFixedKeyProcessor<String, Event, Event> {
        @Override
        public void process(final FixedKeyRecord<String, Event> record) {
            final Event event = record.value();
            if (event == null) throw new InvalidEvent("value is null");
            if (!event.id.equals(record.key())) throw new InvalidEvent("key " + record.key() + " differs from " + event.id);
            final Headers headers = new RecordHeaders();
            if (event.correlationId != null) headers.add("correlation-id", event.correlationId.getBytes(StandardCharsets.UTF_8));
            context().forward(record.withHeaders(headers));
        }
    }

    static final class TrackCells extends ContextualFixedKeyProcessor<String, Event, byte[]> {
        private final int resolution;
        private final Stamp stamp = new Stamp("driver.cell.changed");
        private KeyValueStore<String, DriverCell> cells;
        private H3Core h3;

        TrackCells(final int resolution) {
            this.resolution = resolution;
        }

        @Override
        public void init(final FixedKeyProcessorContext<String, byte[]> context) {
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
            if (before != null && !event.mark.after(before.mark())) return;
            // A waiting driver pings the same position.
            final long cell = before != null && before.lat() == event.lat && before.lng() == event.lng
                ? before.cell() : h3.latLngToCell(event.lat, event.lng, resolution);
            final DriverCell now = new DriverCell(event.mark, cell, event.lat, event.lng, event.status);
            cells.put(record.key(), now);
            if (before != null && before.cell() == cell) return;
            context().forward(record.withValue(Views.cellChange(record.key(), before, now)).withHeaders(stamp.on(record.headers())));
        }
    }

    static final class ViewTrip extends ContextualFixedKeyProcessor<String, Trip, byte[]> {
        private final Stamp stamp = new Stamp("trip.state");

        @Override
        public void process(final FixedKeyRecord<String, Trip> record) {
            context().forward(record.withValue(Views.trip(record.key(), record.value())).withHeaders(stamp.on(record.headers())));
        }
    }

    static final class ViewRevenue extends ContextualFixedKeyProcessor<String, HourTotal, byte[]> {
        private final Stamp stamp = new Stamp("analytics.hourly_revenue");

        @Override
        public void process(final FixedKeyRecord<String, HourTotal> record) {
            context().forward(record.withValue(Views.revenue(record.key(), record.value())).withHeaders(stamp.on(record.headers())));
        }
    }

    /** The headers that every output carries. */
    private record Stamp(byte[] type) {
        private static final byte[] VERSION = "1.0".getBytes(StandardCharsets.UTF_8);

        Stamp(final String topic) {
            this(topic.getBytes(StandardCharsets.UTF_8));
        }

        Headers on(final Headers correlation) {
            final Headers headers = new RecordHeaders();
            headers.add("event-type", type);
            headers.add("event-version", VERSION);
            correlation.forEach(headers::add);
            return headers;
        }
    }
}
