/** The text of docs/events.md about the processor driver-earnings. */
export const docs = `\`{driverId, day, earnings, trips}\`: key is driverId, a bar, day (\`2025-10-29\`). Every completed trip counts
once, for the driver that trip.state names, on the UTC day of its completedAt (else the envelope's timestamp),
with its finalFare; exact to the cent.

- A correction of fare, day or driver moves the money; a row that is left empty stays as earnings 0, trips 0.
- A trip whose driver is in none of its events counts for nobody until one of them names the driver.`
