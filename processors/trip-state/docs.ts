/** The text of docs/events.md about the processor trip-state. */
export const docs = `\`{tripId, status, passengerId, driverId, pickup, dropoff, vehicleType, estimatedFare, finalFare, requestedAt,
acceptedAt, startedAt, completedAt, cancelledAt, updatedAt, lastEventId}\`. Unknown fields are null. Times are UTC with
milliseconds.

- Of each type of event, the one with the greatest (timestamp, eventId) counts. So neither the order of arrival nor
  redelivery changes the result.
- \`status\` is the furthest stage that happened: completed, else cancelled, started, accepted, requested. \`driverId\` is
  that of the furthest event that names a driver.`
