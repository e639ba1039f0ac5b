package peer;

/** A valid event of any type, as read from JSON: fields of other types stay null. */
final class Event {
    enum Type {
        REQUESTED("trip.requested"), ACCEPTED("trip.accepted"), STARTED("trip.started"),
        CANCELLED("trip.cancelled"), COMPLETED("trip.completed"), LOCATION("driver.location.updated");

        final String topic;

        Type(final String topic) {
            this.topic = topic;
        }

        static Type of(final String topic) {
            for (final Type type : values()) if (type.topic.equals(topic)) return type;
            throw new InvalidEvent("no event topic: " + topic);
        }
    }

    Type type;
    String eventId;
    Mark mark;
    String correlationId;
    /** tripId or driverId: the record key. */
    String id;
    String driverId;
    String passengerId;
    Place pickup;
    Place dropoff;
    String vehicleType;
    /** estimatedFare or finalFare in cents. */
    long fare;
    long completedAt;
    double lat;
    double lng;
    String status;

    record Place(double lat, double lng, String address) {
    }

    /** Where an event stands: instant to the nanosecond, equal ones by eventId. */
    record Mark(long ms, int nanos, String eventId) {
        boolean after(final Mark other) {
            if (ms != other.ms) return ms > other.ms;
            if (nanos != other.nanos) return nanos > other.nanos;
            return eventId.compareTo(other.eventId) > 0;
        }
    }
}
