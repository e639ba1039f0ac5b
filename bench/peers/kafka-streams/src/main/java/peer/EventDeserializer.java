package peer;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.serialization.Deserializer;
import peer.Event.Place;
import peer.Event.Type;

/** JSON to event in one pass of Jackson's streaming parser; checks the whole contract except the key. */
final class EventDeserializer implements Deserializer<Event> {
    static final JsonFactory JSON = JsonFactory.builder()
        .enable(StreamReadFeature.USE_FAST_DOUBLE_PARSER).disable(JsonFactory.Feature.CHARSET_DETECTION).build();
    private static final BigDecimal HUNDRED = BigDecimal.valueOf(100);

    @Override
    public Event deserialize(final String topic, final byte[] bytes) {
        if (bytes == null) return null; // the check behind the source makes a dead letter of it
        try (JsonParser parser = parser(bytes)) {
            final Event event = new Event();
            event.type = Type.of(topic);
            if (parser.nextToken() != JsonToken.START_OBJECT) throw new InvalidEvent("value is no object");
            envelope(parser, event);
            if (parser.nextToken() != null) throw new InvalidEvent("value has a tail");
            return event;
        } catch (final IOException error) {
            throw new InvalidEvent("value is not JSON", error);
        }
    }

    /** Jackson lets wrong UTF-8 pass where it skips: anything but ASCII is decoded strictly first. */
    private static JsonParser parser(final byte[] bytes) throws IOException {
        for (final byte one : bytes) {
            if (one >= 0) continue;
            return JSON.createParser(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString());
        }
        return JSON.createParser(bytes);
    }

    private static void envelope(final JsonParser parser, final Event event) throws IOException {
        String eventType = null;
        String version = null;
        String timestamp = null;
        Data data = null;
        for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
            parser.nextToken();
            switch (name) {
                case "eventId" -> event.eventId = string(parser, name);
                case "eventType" -> eventType = string(parser, name);
                case "eventVersion" -> version = string(parser, name);
                case "timestamp" -> timestamp = string(parser, name);
                case "correlationId" -> event.correlationId = string(parser, name);
                case "metadata" -> metadata(parser);
                case "data" -> data = data(parser, event.type);
                default -> parser.skipChildren();
            }
        }
        if (event.eventId == null) throw new InvalidEvent("eventId is missing");
        if (!event.type.topic.equals(eventType)) throw new InvalidEvent("eventType is " + eventType);
        if (version == null || !(version.equals("1") || version.startsWith("1."))) throw new InvalidEvent("eventVersion is " + version);
        if (timestamp == null) throw new InvalidEvent("timestamp is missing");
        if (data == null) throw new InvalidEvent("data is missing");
        event.mark = Instants.parse(timestamp, event.eventId);
        data.into(event);
    }

    private static void metadata(final JsonParser parser) throws IOException {
        if (parser.currentToken() != JsonToken.START_OBJECT) throw new InvalidEvent("metadata is no object");
        for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
            parser.nextToken();
            if (name.equals("producedBy") || name.equals("environment")) string(parser, name);
            else parser.skipChildren();
        }
    }

    private static Data data(final JsonParser parser, final Type type) throws IOException {
        if (parser.currentToken() != JsonToken.START_OBJECT) throw new InvalidEvent("data is no object");
        final Data data = new Data();
        for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
            parser.nextToken();
            if (!data.read(parser, type, name)) parser.skipChildren();
        }
        return data;
    }

    private static String string(final JsonParser parser, final String name) throws IOException {
        if (parser.currentToken() != JsonToken.VALUE_STRING) throw new InvalidEvent(name + " is no string");
        return parser.getText();
    }

    private static double number(final JsonParser parser, final String name) throws IOException {
        if (!parser.currentToken().isNumeric()) throw new InvalidEvent(name + " is no number");
        final double value = parser.getDoubleValue();
        if (!Double.isFinite(value)) throw new InvalidEvent(name + " is not finite");
        return value;
    }

    private static double degrees(final JsonParser parser, final String name, final double limit) throws IOException {
        final double value = number(parser, name);
        if (value < -limit || value > limit) throw new InvalidEvent(name + " is out of range");
        return value;
    }

    private static long cents(final JsonParser parser, final String name) throws IOException {
        number(parser, name);
        try {
            final long cents = parser.getDecimalValue().multiply(HUNDRED).longValueExact();
            if (cents >= 0) return cents;
        } catch (final ArithmeticException error) {
            throw new InvalidEvent(name + " has more than two decimals", error);
        }
        throw new InvalidEvent(name + " is negative");
    }

    /** The fields of data that somebody reads, before it is known whether all that must be there are. */
    private static final class Data {
        private String tripId;
        private String driverId;
        private String passengerId;
        private String vehicleType;
        private String completedAt;
        private String status;
        private Place pickup;
        private Place dropoff;
        private Place location;
        private long fare = -1;

        /** False when the type knows no such field. */
        boolean read(final JsonParser parser, final Type type, final String name) throws IOException {
            if (type == Type.LOCATION) return readLocation(parser, name);
            switch (name) {
                case "tripId" -> tripId = string(parser, name);
                case "driverId" -> {
                    if (type == Type.REQUESTED || type == Type.CANCELLED) return false;
                    driverId = string(parser, name);
                }
                case "etaSeconds" -> {
                    if (type != Type.ACCEPTED) return false;
                    number(parser, name);
                }
                case "cancelledBy", "reason" -> {
                    if (type != Type.CANCELLED) return false;
                    string(parser, name);
                }
                default -> {
                    return type == Type.REQUESTED ? readRequested(parser, name) : type == Type.COMPLETED && readCompleted(parser, name);
                }
            }
            return true;
        }

        private boolean readRequested(final JsonParser parser, final String name) throws IOException {
            switch (name) {
                case "passengerId" -> passengerId = string(parser, name);
                case "vehicleType" -> vehicleType = string(parser, name);
                case "pickup" -> pickup = place(parser, name, true);
                case "dropoff" -> dropoff = place(parser, name, true);
                case "estimatedFare" -> fare = cents(parser, name);
                default -> {
                    return false;
                }
            }
            return true;
        }

        private boolean readCompleted(final JsonParser parser, final String name) throws IOException {
            switch (name) {
                case "finalFare" -> fare = cents(parser, name);
                case "distanceMeters", "durationSeconds" -> number(parser, name);
                case "completedAt" -> completedAt = string(parser, name);
                default -> {
                    return false;
                }
            }
            return true;
        }

        private boolean readLocation(final JsonParser parser, final String name) throws IOException {
            switch (name) {
                case "driverId" -> driverId = string(parser, name);
                case "location" -> location = place(parser, name, false);
                case "heading", "speed" -> number(parser, name);
                case "status" -> status = status(string(parser, name));
                default -> {
                    return false;
                }
            }
            return true;
        }

        private static String status(final String status) {
            return switch (status) {
                case "available", "on_trip", "offline" -> status;
                default -> throw new InvalidEvent("status is " + status);
            };
        }

        private static Place place(final JsonParser parser, final String name, final boolean withAddress) throws IOException {
            if (parser.currentToken() != JsonToken.START_OBJECT) throw new InvalidEvent(name + " is no object");
            double lat = Double.NaN;
            double lng = Double.NaN;
            String address = null;
            for (String field = parser.nextFieldName(); field != null; field = parser.nextFieldName()) {
                parser.nextToken();
                if (field.equals("lat")) lat = degrees(parser, field, 90);
                else if (field.equals("lng")) lng = degrees(parser, field, 180);
                else if (withAddress && field.equals("address")) address = string(parser, field);
                else parser.skipChildren();
            }
            if (Double.isNaN(lat) || Double.isNaN(lng)) throw new InvalidEvent(name + " misses lat or lng");
            return new Place(lat, lng, address);
        }

        void into(final Event event) {
            event.id = need(event.type == Type.LOCATION ? driverId : tripId, "tripId or driverId");
            event.driverId = event.type == Type.ACCEPTED ? need(driverId, "driverId") : driverId;
            switch (event.type) {
                case REQUESTED -> {
                    event.passengerId = need(passengerId, "passengerId");
                    event.vehicleType = need(vehicleType, "vehicleType");
                    event.pickup = need(pickup, "pickup");
                    event.dropoff = need(dropoff, "dropoff");
                }
                case COMPLETED -> event.completedAt = completedAt == null ? event.mark.ms() : Instants.parse(completedAt, "").ms();
                case LOCATION -> {
                    need(location, "location");
                    event.lat = location.lat();
                    event.lng = location.lng();
                    event.status = status;
                }
                default -> { }
            }
            if ((event.type == Type.REQUESTED || event.type == Type.COMPLETED) && fare < 0) throw new InvalidEvent("fare is missing");
            event.fare = fare;
        }

        private static <T> T need(final T value, final String name) {
            if (value == null) throw new InvalidEvent(name + " is missing");
            return value;
        }
    }
}
