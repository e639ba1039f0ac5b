package peer;

/** Where the last event left a driver. */
record DriverCell(Event.Mark mark, long cell, double lat, double lng, String status) {
}
