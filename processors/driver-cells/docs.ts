/** The text of docs/events.md about the processor driver-cells. */
export const docs = `\`{driverId, cell, previousCell, lat, lng, status, at}\`. cell is an H3 index of resolution H3_RESOLUTION. previousCell is
null at first.

- There is one record each time a driver's last event is in another cell than the one before. Redelivered and stale
  events change nothing.`
