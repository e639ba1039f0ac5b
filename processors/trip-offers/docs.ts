/** The text of docs/events.md about the processor trip-offers. */
export const docs = `\`{tripId, requestedAt, pickup, offers: [{driverId, distanceMeters, lat, lng}]}\`. pickup and times are as in trip.state.

- There is one record for the first valid trip.requested of a trip, and one for every later one with a greater
  (timestamp, eventId). Redelivered and stale requests give none. When no driver is near, the record has an empty list
  \`offers\`.
- \`offers\` holds the drivers whose last event known to the index is within 5,000 m of the pickup (great circle, radius
  6,371,008.8 m) and has status \`available\` (an absent status is not available). They are ordered by distance, then by
  driverId in UTF-16 code units, at most 10. distanceMeters is not rounded: rounding would make ties.
- A driver whose last event is more than DRIVER_TTL_MS of event time older than the request is left out (0 = no limit).
  A driver whose last event is younger than the request is not, because that event is the best known.
- Offers of a trip come in the order of its requests.
- Under exactly_once_v2 each request gets exactly one offer, with the drivers as they stood when the index handled the
  request. A position that was committed to driver.location.updated long before the
  request is in. Positions of the last commits may be in or not. A replay makes offers for the same requests, but may
  name other drivers. The [decision](decisions/trip-offers-index.md) says why, and what else was considered.`
