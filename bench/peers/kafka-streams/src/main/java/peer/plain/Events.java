package peer.plain;

import java.math.BigDecimal;
import java.time.Instant;

/** The input events, one record for all types: fields of other types are null. */
final class Events {
    record Event(String eventId, String eventType, String timestamp, String correlationId, Data data) {
        Mark mark() {
            return new Mark(Instant.parse(timestamp).toEpochMilli(), eventId);
        }
    }

    record Data(String tripId, String driverId, String passengerId, Place pickup, Place dropoff, Place location, String vehicleType,
        BigDecimal estimatedFare, BigDecimal finalFare, String completedAt, String status) {
    }

    record Place(double lat, double lng, String address) {
    }

    /** Where an event stands: later ones win, equal ones by eventId. */
    record Mark(long at, String eventId) {
        boolean after(final Mark other) {
            return other == null || at > other.at || (at == other.at && eventId.compareTo(other.eventId) > 0);
        }
    }
}
