import { MAX_EVENTS, MAX_TEXT } from './trip-history.ts'

/** The text of docs/events.md about the processor trip-history. */
export const docs = `The processor \`trip-history\` writes no topic. Its store \`trip-history\` keeps the events of every trip for the audit
trail: \`GET /trips/:tripId/history\` and \`GET /trips/:tripId?asOf=<ISO time>\`.

- A history is in the order of event times (timestamp, eventId), whatever the order of arrival. **The trip as of a time
  is the fold, by the rules of trip.state, of all its known events whose timestamp is not later than that time.** So a
  late event changes the past: the answer shows what was true then, not what was known then. Two queries at the same
  committed offsets get the same answer.
- Redelivery changes nothing: (type, timestamp, eventId) identifies an event, and the first one counts. Superseded and
  stale events are in the history, too. Invalid events are not; they are dead letters.
- \`/history\` answers
  \`{rows: [{eventId, eventType, timestamp, correlationId, data, trip}], nextCursor: null, before}\`. timestamp is UTC
  with all the digits of the event. data is as sent, without fields that are not in its schema. trip is the trip.state
  value after that event.
- A history is kept whole until nothing has happened to the trip for TRIP_HISTORY_RETENTION_MS of stream time (record
  timestamps of its partition). Then it disappears at once. After that \`/history\` answers 410, and so does an \`asOf\`
  before the trip's last event. An \`asOf\` after the last event is answered from the trip itself. A trip that never
  existed is 404.
- A new history begins when an event comes for a trip whose history has gone, or for a trip that is older than the
  processor (which you may add to a running application). Then \`before\` is the trip as it was, and an \`asOf\` earlier
  than that is 410.
- At most ${MAX_EVENTS} events and ${MAX_TEXT} characters of text are kept per trip, so that a row always fits into a
  record. Beyond that, the earliest events are folded into \`before\`.`
