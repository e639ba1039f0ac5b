/** The text of docs/events.md about the processor hourly-revenue. */
export const docs = `\`{hour, revenue, trips}\`. Key and hour are the start of a UTC hour, \`2025-10-29T10:00:00Z\`. Every completed trip counts
once, in the hour of its completedAt (else the envelope's timestamp), with its finalFare. Sums are exact to the cent.

- A correction moves the money from one hour to another. An hour without trips stays, with revenue 0 and trips 0.`
