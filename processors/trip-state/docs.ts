/** The text of docs/events.md about the processor trip-state. */
export const docs = `\`{tripId, status, passengerId, driverId, pickup, dropoff, vehicleType, estimatedFare, finalFare, requestedAt,
acceptedAt, startedAt, completedAt, cancelledAt, updatedAt, lastEventId}\`: what is unknown is null, times are
UTC with milliseconds.

- Of each type of event the one with the greatest (timestamp, eventId) counts. Neither the order of arrival
  nor redelivery shows.
- \`status\` is the furthest that happened: completed, else cancelled, started, accepted, requested.
  \`driverId\` is that of the furthest event that names a driver.`
