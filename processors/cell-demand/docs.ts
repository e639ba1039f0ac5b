/** The text of docs/events.md about the processor cell-demand. */
export const docs = `\`{cell, windowStart, windowEnd, requests, completions}\`. cell is an H3 index of resolution 7. The window is tumbling and
five minutes long. \`windowStart\` is inclusive, \`windowEnd\` exclusive, both like \`2025-10-29T10:05:00Z\` (windows are
whole seconds, as hours are). The key is text, not Kafka Streams' windowed bytes, so that any tool can read and join it.

- There is one record per cell and window, 10 to 20 s after its grace of 10 minutes is over (by stream time, or by the
  clock on quiet partitions: [idle windows](idle-windows.md)). The record is final: nothing is corrected later. Cells
  and windows without events have no record.
- Event time is the envelope's timestamp, for completions too. completedAt may be far behind it, and would often be too
  late to count.
- A trip's request and completion count once each, by the kept events of trip.state. The completion counts in the cell
  of the pickup, so it counts only when the request is known.
- A correction takes back what the corrected event added, and adds its own. A change of a closed window is dropped and
  counted in \`dropped_records_total{reason="late"}\`. That happens on each side separately: a request that moves from a
  closed window to an open one is in both.
- Stream time is the time that two devices have reached by their clocks, one right after the other. So one wrong clock
  closes no window of others ([decision](decisions/wrong-clocks.md)). Its own events count in the window of their time.
- Stream time closes windows only 10 s (clock) after it was reached. Tasks that catch up on hours of events do so one
  after the other, and the first one to finish would make the others late. A catch-up that takes longer than 10 s may
  read one partition more than 10 minutes of event time ahead of another one. Then late changes of the other one are
  dropped, so watch the counter. The price is that late events depend on when they were read. A replay may count some
  that were dropped ([decision](decisions/cell-demand-windows.md)).
- Events from before 1970 are dropped and counted (\`negative-timestamp\`): Kafka has no such record timestamps.
- The records have no correlation-id, because the record that closes a window has nothing to do with its content. The
  output timestamp is the greatest one counted.`
