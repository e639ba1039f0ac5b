import { describe, expect, it } from 'vitest'
import { parseEvent } from '../../processors/events/event-serde.ts'
import type { TripEvent } from '../../processors/events/ride-event.ts'
import { buildRideTopology } from '../../processors/ride-topology.ts'
import { formatInstant } from '../../processors/time/format-instant.ts'
import { instantMs, subMsDigits } from '../../processors/time/parse-instant.ts'
import { tripHistoryStore } from '../../processors/trip-history/build-trip-history.ts'
import {
  addEvent,
  historyOf,
  type KeptHistory,
  knownSince,
  MAX_EVENTS,
  MAX_TEXT,
  tripAsOf,
} from '../../processors/trip-history/trip-history.ts'
import { tripHistorySerde } from '../../processors/trip-history/trip-history-serde.ts'
import { tripHistoryView } from '../../processors/trip-history/trip-history-view.ts'
import { NO_TRIP } from '../../processors/trip-state/trip.ts'
import { tripStateOf } from '../../processors/trip-state/trip-state.ts'
import { TopologyTestDriver } from '../../runtime/memory/test-driver.ts'
import { memoryBackends } from '../../state/backends/memory.ts'
import { backendOptions, createStore } from '../../state/create-store.ts'
import { NO_HEADERS } from '../../state/ports/headers.ts'
import type { ManagedStore, RestoredRecord } from '../../state/ports/managed-store.ts'
import type { TimestampedKeyValueStore } from '../../state/ports/stores.ts'
import { instantOf, type Json, oracle } from '../support/oracle.ts'
import { Random } from '../support/random.ts'
import { completed, requested, rideEvent } from '../support/ride-events.ts'
import { type RideInputRecord, rideInput } from '../support/ride-input.ts'

const START = Date.parse('2019-03-01T10:00:00Z')
const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

function run(records: readonly RideInputRecord[], tripHistoryRetentionMs = -1) {
  const topology = buildRideTopology({
    h3Resolution: 9,
    processors: ['trip-state', 'trip-history'],
    tripHistoryRetentionMs,
  })
  const config = { deserializationExceptionHandler: 'dead-letter' } as const
  const driver = new TopologyTestDriver(topology.build({ applicationId: 'rides' }), { config })
  for (const { topic, key, value, timestamp } of records) driver.pipeInput(topic, { key, value, timestamp })
  return driver.store<TimestampedKeyValueStore<string, KeptHistory>>('trip-history')
}

function stateAsOf(tripId: string, history: KeptHistory, time: string): unknown {
  const trip = tripAsOf(history, { at: instantMs(time), sub: subMsDigits(time) })
  return trip === null || trip === 'unknown' ? trip : json(tripStateOf(tripId, trip))
}

/** The fold of the events that are not later, by the second implementation. */
function expectedAsOf(tripId: string, records: readonly RideInputRecord[], time: string): unknown {
  const until = instantOf(time) as bigint
  const input = records
    .filter(({ value }) => (instantOf(timestampOf(value)) ?? until + 1n) <= until)
    .map(({ topic, key, value }, offset) => ({ topic, partition: 0, offset, key, value }))
  return oracle(input).trips.get(tripId) ?? null
}

function timestampOf(value: Buffer | null): unknown {
  try {
    return (JSON.parse(String(value)) as Json | null)?.timestamp
  } catch {
    return undefined
  }
}

const tripRecords = (records: readonly RideInputRecord[]) => records.filter(({ topic }) => topic.startsWith('trip.'))

describe.each([1, 2])('under nasty records, seed %i', (seed) => {
  const random = new Random(seed)
  const records = tripRecords(rideInput({ seed, count: 2500 }))
  const byTrip = Map.groupBy(records, ({ key }) => String(key))

  it('a trip as of any time is the fold of its events that are not later', () => {
    const histories = run(records)
    let judged = 0
    for (const [tripId, own] of byTrip) {
      const history = histories.get(tripId)?.value
      const times = own.map(({ value }) => timestampOf(value)).filter((text) => instantOf(text) !== null) as string[]
      for (const time of times.concat('1970-01-01T00:00:00Z', '2100-01-01T00:00:00Z')) {
        const at = instantMs(time)
        for (const asked of [time, formatInstant(at - 1), formatInstant(at), formatInstant(at + 1)]) {
          const expected = expectedAsOf(tripId, own, asked)
          if (history === undefined) expect(expected).toBeNull()
          else expect([asked, stateAsOf(tripId, history, asked)]).toEqual([asked, expected])
          judged++
        }
      }
    }
    expect(judged).toBeGreaterThan(3000)
  })

  it('any arrival order, with everything twice, gives the same histories', () => {
    const shuffled = [...records, ...records]
      .map((one) => ({ one, order: random.next() }))
      .sort((a, b) => a.order - b.order)
    const [histories, others] = [run(records), run(shuffled.map(({ one }) => one))]
    let events = 0
    for (const tripId of byTrip.keys()) {
      const [history, other] = [histories, others].map((store) => {
        const row = store.get(tripId)
        return row === null ? null : json(tripHistoryView(tripId, row.value))
      })
      expect(other).toEqual(history)
      events += histories.get(tripId)?.value.events.length ?? 0
    }
    expect(events).toBeGreaterThan(500)
  })

  it('histories are the same after serialisation', () => {
    const histories = run(records)
    for (const tripId of byTrip.keys()) {
      const value = histories.get(tripId)?.value
      if (value === undefined) continue
      const again = tripHistorySerde.deserialize('', tripHistorySerde.serialize('', value) as Buffer)
      expect(json(again)).toEqual(json(value))
      expect(again.events).toEqual(value.events)
    }
  })
})

const context = { streamTime: () => -1, recordTimestamp: () => START, recordHeaders: () => NO_HEADERS }

/** The store over its changelog. */
class HistoryBench {
  readonly log: RestoredRecord[] = []
  store!: ManagedStore

  async open(): Promise<this> {
    const spec = tripHistoryStore(-1)
    const backend = await memoryBackends().open('0_0', spec.name, backendOptions(spec))
    this.store = createStore(spec, backend, context)
    return this
  }

  get rows(): TimestampedKeyValueStore<string, KeptHistory> {
    return this.store.api as TimestampedKeyValueStore<string, KeptHistory>
  }

  add(event: TripEvent): void {
    const history = this.rows.get('t')?.value ?? historyOf(NO_TRIP)
    this.rows.put('t', { value: addEvent(history, event), timestamp: event.at })
  }

  /** Commits, and returns what came to the changelog. */
  async commit(): Promise<readonly RestoredRecord[]> {
    const from = this.log.length
    this.store.freeze((key, value, timestamp, headers) => {
      const bytes = value === null ? null : Buffer.from(value as Buffer)
      this.log.push({ key: Buffer.from(key, 'latin1'), value: bytes, timestamp, headers })
    })
    await this.store.settle(this.log.length)
    return this.log.slice(from)
  }
}

const ride: readonly RideInputRecord[] = [
  requested('t', START, { lat: 1, lng: 2 }, { eventId: 'e1', correlationId: 'c' }),
  rideEvent('trip.accepted', 't', START + 1000, { driverId: 'd', etaSeconds: 60 }, { eventId: 'e2' }),
  rideEvent('trip.started', 't', START + 2000, {}, { eventId: 'e3' }),
  completed('t', START + 3000, { finalFare: 12.5, completedAt: '2019-03-01T11:00:02+01:00' }, { eventId: 'é4' }),
]

describe('the changelog', () => {
  it('gets one small record for each event', async () => {
    const bench = await new HistoryBench().open()
    for (const record of ride) {
      bench.add(eventOf(record))
      expect(await bench.commit()).toHaveLength(1)
    }
    expect(bench.log.every(({ value }) => (value?.length ?? 0) < 120)).toBe(true)
  })

  it('has its records in a form that this test writes down: older programs must be able to read what newer ones write', async () => {
    const bench = await new HistoryBench().open()
    for (const record of ride) bench.add(eventOf(record))
    expect((await bench.commit()).map(({ key, value }) => [key.toString('latin1'), String(value)])).toEqual([
      ['t\xff063718653600000 e10', '["c","t","p",[1,2],[0,0],1000,"standard"]'],
      ['t\xff063718653601000 e21', '[null,"t","d",60]'],
      ['t\xff063718653602000 e32', '[null,"t"]'],
      ['t\xff063718653603000 \xc3\xa943', '[null,"t",null,1250,null,null,"2019-03-01T11:00:02+01:00"]'],
    ])
  })

  it('of too many events gets some small records for each further one', async () => {
    const bench = await new HistoryBench().open()
    const event = (i: number) => eventOf(rideEvent('trip.accepted', 't', START + i * 1000, { driverId: `d${i}` }))
    for (let i = 0; i < MAX_EVENTS; i++) bench.add(event(i))
    expect(await bench.commit()).toHaveLength(MAX_EVENTS)
    bench.add(event(MAX_EVENTS))
    // The first event is gone, the trip before the others is there, and the new event.
    const further = await bench.commit()
    expect(further.map(({ key, value }) => [key.toString('latin1').split('\xff').length, value === null])).toEqual([
      [2, true],
      [1, false],
      [2, false],
    ])
  })
})

describe('a row that an earlier version wrote', () => {
  /** The whole history as one JSON text. */
  const former = (events: readonly TripEvent[]): Buffer =>
    Buffer.from(
      JSON.stringify([
        [null, null, null, null, null],
        events.map(({ type, at, sub, eventId, correlationId, data, fare, completedAt }) => {
          return [type, at, sub, eventId, correlationId, data, fare, completedAt]
        }),
      ]),
    )

  async function restored(events: readonly TripEvent[]): Promise<HistoryBench> {
    const bench = await new HistoryBench().open()
    bench.log.push({ key: Buffer.from('t'), value: former(events), timestamp: START, headers: NO_HEADERS })
    await bench.store.restore(bench.log, 1)
    return bench
  }

  it.each([1, 2, 3, 4])('with %i events answers as it did, and goes on', async (count) => {
    const bench = await restored(ride.slice(0, count).map(eventOf))
    const shown = (history: KeptHistory | undefined): unknown =>
      history === undefined ? null : json(tripHistoryView('t', history))
    expect(shown(bench.rows.get('t')?.value)).toEqual(shown(fold(ride.slice(0, count))))
    for (const record of ride.slice(count)) bench.add(eventOf(record))
    expect(await bench.commit()).toHaveLength(ride.length - count)
    expect(shown(bench.rows.get('t')?.value)).toEqual(shown(fold(ride)))
    // And after a restore of all of it.
    const fresh = await new HistoryBench().open()
    await fresh.store.restore(bench.log, bench.log.length)
    expect(shown(fresh.rows.get('t')?.value)).toEqual(shown(fold(ride)))
    // An event in its middle brings it into the form of today.
    const late = rideEvent('trip.accepted', 't', START + 500, { driverId: 'late' })
    fresh.add(eventOf(late))
    await fresh.commit()
    expect(fresh.rows.get('t')?.value.toRow()).toEqual(fold([...ride, late]).toRow())
  })
})

const eventOf = ({ topic, value }: RideInputRecord): TripEvent => parseEvent(topic, value as Buffer) as TripEvent
const fold = (records: readonly RideInputRecord[]): KeptHistory =>
  records.map(eventOf).reduce(addEvent, historyOf(NO_TRIP))

describe('a history', () => {
  it('shows each event with the trip after it in event time order, with late events in their place', () => {
    const view = tripHistoryView(
      't',
      fold([
        requested('t', START, { lat: 1, lng: 2 }, { eventId: 'e1', correlationId: 'c1' }),
        completed('t', START + 9000, { finalFare: 12.5, unknown: { deep: [1] } }, { eventId: 'e3' }),
        rideEvent('trip.accepted', 't', START + 2000, { driverId: 'd', etaSeconds: 60 }, { eventId: 'e2' }),
      ]),
    )
    expect(json(view)).toMatchObject({
      rows: [
        {
          eventId: 'e1',
          eventType: 'trip.requested',
          timestamp: '2019-03-01T10:00:00.000Z',
          correlationId: 'c1',
          data: { tripId: 't', pickup: { lat: 1, lng: 2 }, estimatedFare: 10 },
          trip: { status: 'requested', lastEventId: 'e1' },
        },
        {
          eventId: 'e2',
          data: { tripId: 't', driverId: 'd', etaSeconds: 60 },
          trip: { status: 'accepted', driverId: 'd', lastEventId: 'e2' },
        },
        { eventId: 'e3', correlationId: null, trip: { status: 'completed', finalFare: 12.5, driverId: 'd' } },
      ],
      nextCursor: null,
      before: null,
    })
    expect(view.rows[2]?.data).toEqual({ tripId: 't', finalFare: 12.5 })
  })

  it('keeps fares to the cent and times to the last digit', () => {
    const { value, ...rest } = completed('t', START, { finalFare: 0 })
    const text = String(value)
      .replace('"finalFare":0', '"finalFare":90071992547409.93')
      .replace('10:00:00.000Z', '10:00:00.0001234Z')
    const view = tripHistoryView('t', fold([{ ...rest, value: Buffer.from(text) }]))
    expect(JSON.stringify(view.rows[0]?.data)).toBe('{"tripId":"t","finalFare":90071992547409.93}')
    expect(view.rows[0]?.timestamp).toBe('2019-03-01T10:00:00.0001234Z')
  })

  it('of a trip with too many events begins later, with the trip as it was then', () => {
    const records = [requested('t', START, { lat: 1, lng: 2 })]
    for (let i = 1; i <= MAX_EVENTS + 20; i++) {
      records.push(rideEvent('trip.accepted', 't', START + i * 1000, { driverId: `d${i}` }))
    }
    const random = new Random(4)
    for (const order of [records, records.toReversed(), records.toSorted(() => random.next() - 0.5)]) {
      const history = fold(order)
      expect(history.events).toHaveLength(MAX_EVENTS)
      const since = knownSince(history)?.at ?? 0
      expect(since).toBe(START + 20_000)
      for (let i = 0; i <= MAX_EVENTS + 21; i++) {
        const time = formatInstant(START + i * 1000)
        const expected = i < 20 ? 'unknown' : expectedAsOf('t', records, time)
        expect([i, stateAsOf('t', history, time)]).toEqual([i, expected])
      }
      // A known event changes nothing; a late correction of it does.
      expect(addEvent(history, eventOf(records[5] as RideInputRecord))).toBe(history)
      expect(tripHistoryView('t', history).before).toMatchObject({ status: 'accepted', driverId: 'd20' })
      const late = requested('t', START + 500, { lat: 3, lng: 4 })
      expect(stateAsOf('t', addEvent(history, eventOf(late)), formatInstant(START + 50_000))).toEqual(
        expectedAsOf('t', [...records, late], formatInstant(START + 50_000)),
      )
    }
  })

  it('never grows beyond what a record can hold', () => {
    const huge = (i: number) =>
      rideEvent('trip.cancelled', 't', START + i, { reason: 'x'.repeat(MAX_TEXT / 5), cancelledBy: 'rider' })
    const history = fold(Array.from({ length: 10 }, (_, i) => huge(i)))
    expect(history.events).toHaveLength(4)
  })
})

describe('retention', () => {
  const events = [
    requested('old', START, { lat: 1, lng: 2 }, { eventId: 'e1' }),
    completed('old', START + 1000, { finalFare: 5 }, { eventId: 'e2' }),
  ]
  /** Two trips say what time it is. */
  const clock = (at: number) => ['other', 'another'].map((id) => requested(id, at, { lat: 0, lng: 0 }))

  it('a history stays whole until nothing has happened to the trip for that long', () => {
    expect(run([...events, ...clock(START + 11_000)], 10_000).get('old')?.value.events).toHaveLength(2)
    expect(run([...events, ...clock(START + 11_001)], 10_000).get('old')).toBeNull()
    // A record that is late does not make it older.
    const late = rideEvent('trip.accepted', 'old', START - 5000, { driverId: 'd' })
    expect(run([...events, late, ...clock(START + 11_000)], 10_000).get('old')?.value.events).toHaveLength(3)
  })

  it('a later event continues from the trip as it was', () => {
    const correction = completed('old', START + 60_000, { finalFare: 7 }, { eventId: 'e3' })
    const all = [...events, ...clock(START + 50_000), correction]
    const history = run(all, 10_000).get('old')?.value as KeptHistory
    expect(history.events.map(({ eventId }) => eventId)).toEqual(['e3'])
    expect(stateAsOf('old', history, formatInstant(START + 999))).toBe('unknown')
    for (const ms of [1000, 59_999, 60_000]) {
      const time = formatInstant(START + ms)
      expect(stateAsOf('old', history, time)).toEqual(expectedAsOf('old', all, time))
    }
  })

  it('a redelivery does not restore an expired history', () => {
    expect(run([...events, ...clock(START + 50_000), ...events], 10_000).get('old')).toBeNull()
  })
})
