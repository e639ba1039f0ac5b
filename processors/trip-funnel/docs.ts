/** The text of docs/events.md about the processor trip-funnel. */
export const docs = `\`{hour, requested, accepted, started, completed, cancelled, medianSecondsToAccept, p95SecondsToAccept}\`. Key
and hour as in analytics.hourly_revenue, by the kept request's timestamp; trips without a request are in no
hour.

- A trip counts in each stage it has a valid event of, whatever its status: a trip accepted and then cancelled
  is in both, one started without trip.accepted is not in accepted.
- Seconds to accept: kept trip.accepted minus kept trip.requested, to the millisecond. Negative when clocks
  disagree or a request was corrected to a later time: a made up zero would hide it.
- Median and p95 by nearest rank over all accepted trips of the hour (rank = ceil(n / 2), ceil(0.95 n)), exact;
  null without any.
- Updated as changes come; may skip values overwritten within one commit. An hour that lost its trips to
  corrections stays with zeros.`
