package peer.plain;

import java.math.BigDecimal;
import java.time.Instant;
import peer.plain.Events.Event;
import peer.plain.Events.Mark;
import peer.plain.Events.Place;

/** The kept event of each type; immutable. */
record Trip(Requested requested, Driver accepted, Driver started, Mark cancelled, Completed completed) {
    record Requested(Mark mark, String passengerId, Place pickup, Place dropoff, String vehicleType, BigDecimal fare) {
    }

    record Driver(Mark mark, String driverId) {
    }

    record Completed(Mark mark, String driverId, BigDecimal fare, long at) {
    }

    Trip with(final Event event) {
        final Mark mark = event.mark();
        final var data = event.data();
        return switch (event.eventType()) {
            case "trip.requested" -> requested != null && !mark.after(requested.mark) ? this
                : new Trip(new Requested(mark, data.passengerId(), data.pickup(), data.dropoff(), data.vehicleType(), data.estimatedFare()),
                    accepted, started, cancelled, completed);
            case "trip.accepted" -> accepted != null && !mark.after(accepted.mark) ? this
                : new Trip(requested, new Driver(mark, data.driverId()), started, cancelled, completed);
            case "trip.started" -> started != null && !mark.after(started.mark) ? this
                : new Trip(requested, accepted, new Driver(mark, data.driverId()), cancelled, completed);
            case "trip.cancelled" -> !mark.after(cancelled) ? this : new Trip(requested, accepted, started, mark, completed);
            case "trip.completed" -> completed != null && !mark.after(completed.mark) ? this
                : new Trip(requested, accepted, started, cancelled, new Completed(mark, data.driverId(), data.finalFare(),
                    data.completedAt() == null ? mark.at() : Instant.parse(data.completedAt()).toEpochMilli()));
            default -> throw new IllegalArgumentException(event.eventType());
        };
    }
}
