/** The text of docs/events.md about the processor cell-demand. */
export const docs = `\`{cell, windowStart, windowEnd, requests, completions}\`: cell is an H3 index of resolution 7, the window
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
  is the greatest counted.`
