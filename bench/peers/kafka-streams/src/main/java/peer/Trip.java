package peer;

import peer.Event.Mark;
import peer.Event.Place;

/** The kept event of each type; immutable. */
record Trip(Requested requested, Driver accepted, Driver started, Mark cancelled, Completed completed) {
    static final Trip NONE = new Trip(null, null, null, null, null);

    record Requested(Mark mark, String passengerId, Place pickup, Place dropoff, String vehicleType, long fare) {
    }

    record Driver(Mark mark, String driverId) {
    }

    record Completed(Mark mark, String driverId, long fare, long at) {
    }

    /** The same object when the event changes nothing. */
    Trip with(final Event event) {
        final Mark kept = kept(event.type);
        if (kept != null && !event.mark.after(kept)) return this;
        return switch (event.type) {
            case REQUESTED -> new Trip(new Requested(event.mark, event.passengerId, event.pickup, event.dropoff, event.vehicleType, event.fare), accepted, started, cancelled, completed);
            case ACCEPTED -> new Trip(requested, new Driver(event.mark, event.driverId), started, cancelled, completed);
            case STARTED -> new Trip(requested, accepted, new Driver(event.mark, event.driverId), cancelled, completed);
            case CANCELLED -> new Trip(requested, accepted, started, event.mark, completed);
            case COMPLETED -> new Trip(requested, accepted, started, cancelled, new Completed(event.mark, event.driverId, event.fare, event.completedAt));
            case LOCATION -> throw new IllegalArgumentException("not an event of a trip");
        };
    }

    private Mark kept(final Event.Type type) {
        return switch (type) {
            case REQUESTED -> requested == null ? null : requested.mark;
            case ACCEPTED -> accepted == null ? null : accepted.mark;
            case STARTED -> started == null ? null : started.mark;
            case CANCELLED -> cancelled;
            case COMPLETED -> completed == null ? null : completed.mark;
            case LOCATION -> null;
        };
    }

    String status() {
        if (completed != null) return "completed";
        if (cancelled != null) return "cancelled";
        if (started != null) return "started";
        return accepted != null ? "accepted" : "requested";
    }

    String driverId() {
        if (completed != null && completed.driverId != null) return completed.driverId;
        if (started != null && started.driverId != null) return started.driverId;
        return accepted == null ? null : accepted.driverId;
    }

    Mark last() {
        Mark last = null;
        for (final Event.Type type : Event.Type.values()) {
            final Mark mark = kept(type);
            if (mark != null && (last == null || mark.after(last))) last = mark;
        }
        return last;
    }
}
