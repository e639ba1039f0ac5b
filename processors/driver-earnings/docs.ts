/** The text of docs/events.md about the processor driver-earnings. */
export const docs = `\`{driverId, day, earnings, trips}\`. The key is driverId, a bar, day (\`2025-10-29\`). Every completed trip counts once,
for the driver that trip.state names, on the UTC day of its completedAt (else the envelope's timestamp), with its
finalFare. Sums are exact to the cent.

- A correction of fare, day or driver moves the money. A row without trips stays, with earnings 0 and trips 0.
- A trip counts for nobody until one of its events names the driver.`
