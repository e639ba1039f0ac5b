package peer.plain;

import java.math.BigDecimal;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.stream.Stream;
import peer.plain.Events.Mark;
import peer.plain.Events.Place;

/** The values of the output topics. */
final class Outputs {
    private static final DateTimeFormatter MILLIS = DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSS'Z'").withZone(ZoneOffset.UTC);

    record TripState(String tripId, String status, String passengerId, String driverId, Place pickup, Place dropoff, String vehicleType,
        BigDecimal estimatedFare, BigDecimal finalFare, String requestedAt, String acceptedAt, String startedAt, String completedAt,
        String cancelledAt, String updatedAt, String lastEventId) {
    }

    record DriverCell(Mark mark, String cell, double lat, double lng, String status) {
    }

    record CellChange(String driverId, String cell, String previousCell, double lat, double lng, String status, String at) {
    }

    record HourTotal(BigDecimal revenue, long trips) {
    }

    record HourlyRevenue(String hour, BigDecimal revenue, long trips) {
    }

    static TripState tripState(final String tripId, final Trip trip) {
        final Trip.Requested requested = trip.requested();
        final Mark accepted = trip.accepted() == null ? null : trip.accepted().mark();
        final Mark started = trip.started() == null ? null : trip.started().mark();
        final Trip.Completed completed = trip.completed();
        final Mark last = Stream.of(requested == null ? null : requested.mark(), accepted, started, trip.cancelled(),
            completed == null ? null : completed.mark()).reduce(null, (a, b) -> b != null && b.after(a) ? b : a);
        final String status = completed != null ? "completed" : trip.cancelled() != null ? "cancelled" : started != null ? "started"
            : accepted != null ? "accepted" : "requested";
        final String driverId = Stream.of(completed == null ? null : completed.driverId(),
            trip.started() == null ? null : trip.started().driverId(), trip.accepted() == null ? null : trip.accepted().driverId())
            .filter(id -> id != null).findFirst().orElse(null);
        return new TripState(tripId, status, requested == null ? null : requested.passengerId(), driverId,
            requested == null ? null : requested.pickup(), requested == null ? null : requested.dropoff(),
            requested == null ? null : requested.vehicleType(), money(requested == null ? null : requested.fare()),
            money(completed == null ? null : completed.fare()), at(requested == null ? null : requested.mark()), at(accepted), at(started),
            completed == null ? null : MILLIS.format(Instant.ofEpochMilli(completed.at())), at(trip.cancelled()), at(last), last.eventId());
    }

    static String at(final Mark mark) {
        return mark == null ? null : MILLIS.format(Instant.ofEpochMilli(mark.at()));
    }

    /** 5.00 and 50 are 5 and 50, without an exponent. */
    static BigDecimal money(final BigDecimal amount) {
        if (amount == null) return null;
        final BigDecimal stripped = amount.stripTrailingZeros();
        return stripped.scale() < 0 ? stripped.setScale(0) : stripped;
    }
}
