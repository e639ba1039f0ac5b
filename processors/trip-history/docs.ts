import { MAX_EVENTS, MAX_TEXT } from './trip-history.ts'

/** The text of docs/events.md about the processor trip-history. */
export const docs = `The processor \`trip-history\` writes no topic. Its store \`trip-history\` keeps the events of every trip for
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
