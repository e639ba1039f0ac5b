/** The text of docs/events.md about the processor trip-offers. */
export const docs = `\`{tripId, requestedAt, pickup, offers: [{driverId, distanceMeters, lat, lng}]}\`. pickup and times as in trip.state.

- One record for the first valid trip.requested of a trip, and one for every later one with a greater
  (timestamp, eventId): redelivered and stale requests give none. An offer is also made when nobody is near:
  \`offers\` is then empty.
- \`offers\`: the drivers whose last event known to the index is within 5,000 m of the pickup (great circle,
  radius 6,371,008.8 m) and has status \`available\` (absent is not available); nearest first, ties by driverId
  in UTF-16 code units, at most 10. distanceMeters is not rounded: rounding would make ties that are none.
- A driver whose last event is more than DRIVER_TTL_MS of event time older than the request is left out (0 = no
  limit); one whose last event is younger than the request is not, since it is the best that is known.
- Offers of a trip come in the order of its requests. When a trip is requested twice within moments, the first
  offer may be missing: a late answer to an overtaken request helps nobody.
- The promise is exactly one offer per request under exactly_once_v2 (but for the point before), and drivers as
  they stood when the index handled the request. A position that was committed to driver.location.updated long
  before the request is in; positions within the last commits may or may not be. A replay makes the same offers
  for the same requests, not the same drivers in them. The [decision](decisions/trip-offers-index.md) says why,
  and what else was considered.`
