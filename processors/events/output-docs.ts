import { MAX_EVENTS, MAX_TEXT } from '../trip-history/trip-history.ts'

/* The further outputs, as rows of docs/events.md. Where more than one answer would be right, the choice and its reason stand in one line. */

const TOPICS = [
  ['topic', 'partitions', 'key', 'cleanup', 'value'],
  ['`trip.offers`', 'as trip.\\*', 'tripId', 'delete, OUTPUT_RETENTION_MS', 'drivers to offer a requested trip to'],
  [
    '`analytics.cell_demand`',
    '3',
    '`<cell>@<windowStart>`',
    'delete, OUTPUT_RETENTION_MS',
    'requests and completions of a cell in five minutes, final',
  ],
  ['`analytics.trip_funnel`', '3', 'hour', 'compact', 'how far the trips requested in that hour got'],
  [
    '`driver.earnings`',
    'as driver.location.updated',
    '`<driverId>\\|<day>`',
    'compact',
    'what a driver earned on a UTC day so far',
  ],
] as const

const TEXT = `These outputs have the headers, timestamps and exactly-once guarantee of the others. \`PROCESSORS\` says which
of them run ([configuration](configuration.md)).

### trip.offers

\`{tripId, requestedAt, pickup, offers: [{driverId, distanceMeters, lat, lng}]}\`. pickup and times as in trip.state.

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
  and what else was considered.

### analytics.cell_demand

\`{cell, windowStart, windowEnd, requests, completions}\`: cell is an H3 index of resolution 7, the window
tumbling, five minutes, \`windowStart\` inclusive, \`windowEnd\` exclusive, both like \`2025-10-29T10:05:00Z\`
(windows are whole seconds, as hours are). The key is text, not Kafka Streams' windowed bytes, so that any tool
can read and join it.

- One record per cell and window, 10 to 20 s after its grace of 10 minutes is over (stream time, or the clock on
  quiet partitions: [idle windows](idle-windows.md)). It is final: nothing is corrected later. Cells and windows
  without anything have no record.
- Event time is the envelope's timestamp, for completions too: completedAt may lie far behind it, and would
  often be too late to count.
- A trip's request and completion count once each, by the kept events of trip.state. The completion counts in
  the cell of the pickup, so not before the request is known.
- A correction takes back what the corrected event added and adds its own. What falls into a closed window is
  dropped and counted in \`dropped_records_total{reason="late"}\`, on either side on its own: a request moved
  from a closed window to an open one is in both.
- Stream time is what two devices, one right after the other, have reached by their clocks: one wrong clock
  closes no window of others ([decision](decisions/wrong-clocks.md)). The events of that clock count in the
  window of their time.
- Stream time must have been reached 10 s ago (clock) before it closes anything: tasks that catch up on hours of
  events do so one after the other, and the first to be done would make all of the others late. A catch-up that
  takes longer may still read one partition more than 10 minutes of event time ahead of another, and then drops
  what the other brings: watch the counter. The price: which events were late depends on when they were read, so
  a replay may count some that were dropped ([decision](decisions/cell-demand-windows.md)).
- Events from before 1970 are dropped and counted (\`negative-timestamp\`): Kafka has no such record timestamps.
- No correlation-id: the record that closes a window has nothing to do with what is in it. The output timestamp
  is the greatest counted.

### analytics.trip_funnel

\`{hour, requested, accepted, started, completed, cancelled, medianSecondsToAccept, p95SecondsToAccept}\`. Key
and hour as in analytics.hourly_revenue, by the kept request's timestamp; trips without a request are in no
hour.

- A trip counts in each stage it has a valid event of, whatever its status: a trip accepted and then cancelled
  is in both, one started without trip.accepted is not in accepted.
- Seconds to accept: kept trip.accepted minus kept trip.requested, to the millisecond. Negative when clocks
  disagree or a request was corrected to a later time: a made up zero would hide it.
- Median and p95 by nearest rank over all accepted trips of the hour (rank = ceil(n / 2), ceil(0.95 n)), exact;
  null without any.
- Updated as changes come; may skip values overwritten within one commit. An hour that lost its trips to
  corrections stays with zeros.

### driver.earnings

\`{driverId, day, earnings, trips}\`: key is driverId, a bar, day (\`2025-10-29\`). Every completed trip counts
once, for the driver that trip.state names, on the UTC day of its completedAt (else the envelope's timestamp),
with its finalFare; exact to the cent.

- A correction of fare, day or driver moves the money; a row that is left empty stays as earnings 0, trips 0.
- A trip whose driver is in none of its events counts for nobody until one of them names the driver.

## Trip history

The processor \`trip-history\` writes no topic. Its store \`trip-history\` keeps the events of every trip for
the audit trail: \`GET /trips/:tripId/history\` and \`GET /trips/:tripId?asOf=<ISO time>\`.

- A history is in the order of event times (timestamp, eventId), whatever order events came in. **The trip as of
  a time is the fold, by the rules of trip.state, of all its events whose timestamp is not later than that time,
  as far as they are known now.** So a late event changes the past: what is answered is what was true then, not
  what was known then. Two questions at the same committed offsets get the same answer.
- Redelivery changes nothing: an event is (type, timestamp, eventId), the first one with these counts.
  Superseded and stale events are in the history too; invalid ones are not, they are dead letters.
- \`/history\`:
  \`{rows: [{eventId, eventType, timestamp, correlationId, data, trip}], nextCursor: null, before}\`. timestamp
  is UTC with all the digits the event had; data is as sent, without fields that are not in its schema; trip is
  the trip.state value after that event.
- A history is kept whole until nothing has happened to the trip for TRIP_HISTORY_RETENTION_MS of stream time
  (record timestamps of its partition). Then it is gone at once: \`/history\` answers 410 and \`asOf\` a time
  before the trip's last event 410, while a trip that never was is 404. An \`asOf\` since the last event is
  answered from the trip itself.
- When something happens to a trip whose history has gone, or that is older than the processor (which may be
  added to a running application), a new history begins: \`before\` is the trip as it was, an \`asOf\` earlier
  than that is 410.
- At most ${MAX_EVENTS} events and ${MAX_TEXT} characters of text are kept per trip, so that a row always fits
  into a record; beyond, the earliest are folded into \`before\`.`

export function outputsMarkdown(table: (cells: readonly (readonly string[])[]) => string[]): string[] {
  return ['', '## Further outputs', '', ...table(TOPICS), '', TEXT]
}
