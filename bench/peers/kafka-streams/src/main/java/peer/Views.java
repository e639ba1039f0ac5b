package peer;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.StreamWriteFeature;
import com.fasterxml.jackson.core.util.ByteArrayBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import peer.Event.Place;

/** The output values of the contract as JSON bytes. */
final class Views {
    private static final JsonFactory JSON = JsonFactory.builder().enable(StreamWriteFeature.USE_FAST_DOUBLE_WRITER).build();

    private interface Fields {
        void write(JsonGenerator out) throws IOException;
    }

    static byte[] trip(final String tripId, final Trip trip) {
        final Trip.Requested requested = trip.requested();
        final Event.Mark last = trip.last();
        return json(out -> {
            out.writeStringField("tripId", tripId);
            out.writeStringField("status", trip.status());
            out.writeStringField("passengerId", requested == null ? null : requested.passengerId());
            out.writeStringField("driverId", trip.driverId());
            place(out, "pickup", requested == null ? null : requested.pickup());
            place(out, "dropoff", requested == null ? null : requested.dropoff());
            out.writeStringField("vehicleType", requested == null ? null : requested.vehicleType());
            if (requested == null) out.writeNullField("estimatedFare");
            else money(out, "estimatedFare", requested.fare());
            if (trip.completed() == null) out.writeNullField("finalFare");
            else money(out, "finalFare", trip.completed().fare());
            out.writeStringField("requestedAt", requested == null ? null : Instants.format(requested.mark().ms()));
            out.writeStringField("acceptedAt", trip.accepted() == null ? null : Instants.format(trip.accepted().mark().ms()));
            out.writeStringField("startedAt", trip.started() == null ? null : Instants.format(trip.started().mark().ms()));
            out.writeStringField("completedAt", trip.completed() == null ? null : Instants.format(trip.completed().at()));
            out.writeStringField("cancelledAt", trip.cancelled() == null ? null : Instants.format(trip.cancelled().ms()));
            out.writeStringField("updatedAt", Instants.format(last.ms()));
            out.writeStringField("lastEventId", last.eventId());
        });
    }

    static byte[] cellChange(final String driverId, final DriverCell before, final DriverCell now) {
        return json(out -> {
            out.writeStringField("driverId", driverId);
            out.writeStringField("cell", Long.toHexString(now.cell()));
            out.writeStringField("previousCell", before == null ? null : Long.toHexString(before.cell()));
            out.writeNumberField("lat", now.lat());
            out.writeNumberField("lng", now.lng());
            out.writeStringField("status", now.status());
            out.writeStringField("at", Instants.format(now.mark().ms()));
        });
    }

    static byte[] revenue(final String hour, final HourTotal total) {
        return json(out -> {
            out.writeStringField("hour", hour);
            money(out, "revenue", total.cents());
            out.writeNumberField("trips", total.trips());
        });
    }

    private static void place(final JsonGenerator out, final String name, final Place place) throws IOException {
        if (place == null) {
            out.writeNullField(name);
            return;
        }
        out.writeObjectFieldStart(name);
        out.writeNumberField("lat", place.lat());
        out.writeNumberField("lng", place.lng());
        out.writeStringField("address", place.address());
        out.writeEndObject();
    }

    private static void money(final JsonGenerator out, final String name, final long cents) throws IOException {
        out.writeFieldName(name);
        if (cents % 100 == 0) out.writeNumber(cents / 100);
        else out.writeNumber(BigDecimal.valueOf(cents, 2).stripTrailingZeros());
    }

    private static byte[] json(final Fields fields) {
        try (ByteArrayBuilder bytes = new ByteArrayBuilder(512)) {
            try (JsonGenerator out = JSON.createGenerator(bytes)) {
                out.writeStartObject();
                fields.write(out);
                out.writeEndObject();
            }
            return bytes.toByteArray();
        } catch (final IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
