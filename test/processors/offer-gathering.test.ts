import { expect, it, vi } from 'vitest'
import { keySerde } from '../../processors/events/event-serde.ts'
import { distanceMeters } from '../../processors/geo/great-circle.ts'
import { type AskedBatch, askedSerde, NO_REQUESTS } from '../../processors/trip-offers/asked-batch.ts'
import { DriverGrid } from '../../processors/trip-offers/driver-grid.ts'
import { FoundWriter, foundSerde } from '../../processors/trip-offers/found-batch.ts'
import type { Pickup } from '../../processors/trip-offers/nearest.ts'
import {
  OfferGathering,
  type OpenBatch,
  openBatchSerde,
  openOffersStore,
} from '../../processors/trip-offers/offer-gathering.ts'
import { MockProcessorContext } from '../../runtime/memory/mock-processor-context.ts'
import { TopologyTestDriver } from '../../runtime/memory/test-driver.ts'
import { type KeyValueStore, record, stringSerde, Topology } from '../../topology/index.ts'
import type { Candidate } from '../support/offer-candidates.ts'

const HERE = { lat: 40.75, lng: -73.98 }
const REQUESTS = [
  ['t-1', 1000, HERE.lat, HERE.lng, 'Broadway 1', 1007, 'corr-ü'],
  ['t-2', 2000, HERE.lat, HERE.lng, null, 2007, []],
]
const ASKED: AskedBatch = {
  type: 'asked',
  asker: 2,
  pickups: [
    { ...HERE, since: 0 },
    { ...HERE, since: Number.NEGATIVE_INFINITY },
  ],
  requests: Buffer.from(JSON.stringify(REQUESTS)),
}
/** So many metres north of the pickup. */
function found(driverId: string, meters: number): Candidate {
  const at = { lat: HERE.lat + meters / 111_195.08, lng: HERE.lng }
  return { driverId, distanceMeters: distanceMeters(HERE, at), ...at }
}
const LISTS: readonly (readonly (readonly Candidate[])[])[] = [
  [[1, 5, 9, 9, 9, 9].map((distance, i) => found(`a${i}`, distance)), []],
  [[], [found('ü', 3)]],
  [
    [found('c0', 2), ...[5, 5, 9, 9].map((distance, i) => found(`0${i}`, distance))],
    [found('b', 3), found('c', 4)],
  ],
]
const NEAREST = [
  ['a0', 'c0', '00', '01', 'a1', '02', '03', 'a2', 'a3', 'a4'],
  ['b', 'ü', 'c'],
]

function answer(task: number): Buffer {
  const writer = new FoundWriter()
  writer.begin(task, LISTS.length, ASKED.pickups.length)
  for (const list of LISTS[task] ?? []) {
    const grid = new DriverGrid()
    for (const one of list) grid.put(one.driverId, one, 0)
    writer.add(HERE, grid.nearest({ ...HERE, since: 0 }))
  }
  return writer.end(task === 0 ? ASKED.requests : NO_REQUESTS)
}

/** The bytes stand as an answer of a broker brings them: among other records. */
function amongOthers(bytes: Buffer): Buffer {
  const all = Buffer.alloc(100_000)
  return all.subarray(50_000, 50_000 + bytes.copy(all, 50_000))
}

function offers(tasks: readonly number[]) {
  const topology = new Topology()
    .addSource({ name: 'in', topics: 'in', keySerde, valueSerde: foundSerde })
    .addProcessor({ name: 'gather', parents: ['in'], supplier: () => new OfferGathering() })
    .addStateStore(openOffersStore, ['gather'])
    .addSink({ name: 'out', parents: ['gather'], topic: 'out', keySerde, valueSerde: stringSerde })
  const driver = new TopologyTestDriver(topology.build({ applicationId: 'app' }))
  const made = tasks.map((task) => {
    driver.pipeInput('in', { key: Buffer.from('2@7+2'), value: answer(task), timestamp: 5 })
    return driver.readOutput('out')
  })
  return { made, open: driver.store<KeyValueStore<string, unknown>>('open-offer-batches').get('2@7+2') }
}

it.each([[[0, 1, 2]], [[2, 1, 0]], [[1, 0, 2]], [[1, 2, 0]]])(
  'the last answer of the tasks %j makes the offers of the batch, in order, of the nearest of all',
  (tasks) => {
    const { made, open } = offers(tasks)
    expect(made.slice(0, -1)).toEqual([[], []])
    expect(open).toBeNull()
    const last = made.at(-1) ?? []
    const values = last.map(({ value }) => JSON.parse(String(value)) as { offers: Candidate[] })
    expect(values.map((value) => value.offers.map(({ driverId }) => driverId))).toEqual(NEAREST)
    expect(values).toMatchObject([
      { tripId: 't-1', requestedAt: '1970-01-01T00:00:01.000Z', pickup: { ...HERE, address: 'Broadway 1' } },
      { tripId: 't-2', requestedAt: '1970-01-01T00:00:02.000Z', pickup: { ...HERE, address: null } },
    ])
    expect(last.map(({ key, timestamp }) => [String(key), timestamp])).toEqual([
      ['t-1', 1007],
      ['t-2', 2007],
    ])
    expect(last.map(({ headers }) => [...headers].map(({ key, value }) => `${key}: ${value}`))).toEqual([
      ['correlation-id: corr-ü'],
      [],
    ])
  },
)

it('an answer that comes twice counts once', () => {
  expect(offers([0, 0, 1, 1]).made).toEqual([[], [], [], []])
  expect(offers([0, 1, 1, 2]).made.map((records) => records.length)).toEqual([0, 0, 0, 2])
})

it.each<readonly Pickup[]>([
  [],
  [{ ...HERE, since: 0 }],
  [-1, 1, 2 ** 29].map((since) => ({ lat: -90, lng: -180, since: 1_761_732_000_000 + since })),
  [1, 2].map((since) => ({ lat: 90, lng: 180, since: since * 1_761_732_000_000 })),
  [1, 2].map(() => ({ lat: 0.1234567, lng: 179.9999999, since: Number.NEGATIVE_INFINITY })),
  [{ lat: 0.12345678, lng: 1e-300, since: Number.NEGATIVE_INFINITY }],
])('the pickups %j read as they were written', (...pickups) => {
  const asked: AskedBatch = { ...ASKED, pickups }
  expect(askedSerde.deserialize('', Buffer.from(askedSerde.serialize('', asked)))).toEqual(asked)
})

it('a record of another form is refused, and the error says what to do', () => {
  expect(() => askedSerde.deserialize('topic', Buffer.from('{}'))).toThrow(
    'topic: a record in a form (123) that this version does not know: ' +
      'the version that wrote it must bring the lag to 0 before another one starts',
  )
  expect(() => openBatchSerde.deserialize('topic', Buffer.from([0, 0, 0, 0, 1]))).toThrow('a record in a form (1)')
})

it('a batch that waits for answers keeps its own bytes in memory, not the answers of brokers that they came in', () => {
  const context = new MockProcessorContext<string, string>({ stores: [openOffersStore] })
  const put = vi.spyOn(context.store<KeyValueStore<string, OpenBatch>>('open-offer-batches'), 'put')
  const gathering = new OfferGathering()
  gathering.init(context)
  gathering.process(record('2@7+2', foundSerde.deserialize('in', amongOthers(answer(0))), 5))
  const kept = put.mock.calls[0]?.[1]?.answers.map(({ bytes }) => bytes.buffer.byteLength)
  expect(kept).toEqual([answer(0).length])
})
