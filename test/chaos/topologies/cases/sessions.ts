import { sessionWindows } from 'ride-streams'
import { type CaseInput, type ChaosCase, NEVER_LATE_MS, ofTopic } from '../chaos-case.ts'

const GAP_MS = 1500

/** Sessions that grow together, as a table with its deletes and as final results. */
export const SESSIONS: ChaosCase = {
  name: 'sessions',
  inputs: ['sessions-in'],
  outputs: ['sessions-now', 'sessions-closed'],
  add(builder) {
    const visits = builder
      .stream<string, number>('sessions-in')
      .groupByKey()
      .windowedBySession(sessionWindows({ inactivityGapMs: GAP_MS, graceMs: NEVER_LATE_MS }))
    const sum = {
      initializer: () => 0,
      aggregator: (_key: string, n: number, total: number) => total + n,
      merger: (_key: string, a: number, b: number) => a + b,
    }
    visits
      .aggregate({ ...sum, materialized: { name: 'sessions' } })
      .toStream()
      .map(({ key, window }, total) => [`${key}@${window.start}-${window.end}`, total])
      .to('sessions-now')
    visits
      .emitStrategy('on-window-close')
      .aggregate({ ...sum, materialized: { name: 'closed-sessions' } })
      .toStream()
      .map(({ key, window }, total) => [`${key}@${window.start}-${window.end}`, total])
      .to('sessions-closed')
  },
  record: (random, at) => ({
    topic: 'sessions-in',
    key: `key-${random.below(25)}`,
    value: random.below(1000),
    timestamp: at - random.below(4000),
  }),
  closing: (key) => [{ topic: 'sessions-in', key, value: 0 }],
  expected(input) {
    const sessions = sessionsOf(input)
    return {
      tables: { 'sessions-now': sessions },
      events: { 'sessions-closed': [...sessions].map(([key, total]) => `${key} ${total}`) },
    }
  },
}

function sessionsOf(input: readonly CaseInput[]): Map<string, number> {
  const sessions = new Map<string, number>()
  for (const [key, visits] of Map.groupBy(ofTopic<number>(input, 'sessions-in'), (one) => one.key)) {
    const sorted = visits.toSorted((a, b) => a.timestamp - b.timestamp)
    let [start, end, total] = [0, Number.NEGATIVE_INFINITY, 0]
    const close = () => {
      if (start > 0) sessions.set(`${key}@${start}-${end}`, total)
    }
    for (const { timestamp, value } of sorted) {
      if (timestamp - end > GAP_MS) {
        close()
        start = timestamp
        total = 0
      }
      end = timestamp
      total += value
    }
    close()
  }
  return sessions
}
