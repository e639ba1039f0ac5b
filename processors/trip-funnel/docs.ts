/** The text of docs/events.md about the processor trip-funnel. */
export const docs = `\`{hour, requested, accepted, started, completed, cancelled, medianSecondsToAccept, p95SecondsToAccept}\`. Key and hour
are as in analytics.hourly_revenue, by the kept request's timestamp. Trips without a request are in no hour.

- A trip counts in each stage of which it has a valid event, whatever its status. A trip that was accepted and then
  cancelled is in both stages. A trip that was started without trip.accepted is not in accepted.
- The seconds to accept are the kept trip.accepted minus the kept trip.requested, to the millisecond. They are negative
  when clocks disagree or a request was corrected to a later time: a zero would hide that.
- Median and p95 are exact, by nearest rank over all accepted trips of the hour (rank = ceil(n / 2), ceil(0.95 n)). They
  are null without accepted trips.
- The row is updated as changes come, and may skip values that the same commit overwrites. An hour that lost its trips
  to corrections stays, with zeros.`
