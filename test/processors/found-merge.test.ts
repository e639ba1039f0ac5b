import { expect, it } from 'vitest'
import { distanceMeters, METERS_PER_DEGREE, type Point, RADIANS } from '../../processors/geo/great-circle.ts'
import { formatInstant } from '../../processors/time/format-instant.ts'
import { DriverGrid } from '../../processors/trip-offers/driver-grid.ts'
import { FoundBatch, FoundWriter } from '../../processors/trip-offers/found-batch.ts'
import { FoundMerge } from '../../processors/trip-offers/found-merge.ts'
import { type OpenBatch, openBatchSerde } from '../../processors/trip-offers/offer-gathering.ts'
import { OfferText } from '../../processors/trip-offers/offer-text.ts'
import { type Candidate, nextCandidates } from '../support/offer-candidates.ts'
import { Random } from '../support/random.ts'

const TASKS = 6
const REQUESTS = 40
const NOTHING = Buffer.alloc(0)
const TEXT = Buffer.from('the requests')
const IDS: readonly ((number: number) => string)[] = [
  (number) => `driver-${number}`,
  (number) => `${number}`,
  (number) => `${'ü'.repeat(number % 5)}-${number}`,
  (number) => `${number.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`,
  (number) => 'long'.repeat(200) + number,
  (number) => `"\\${number}\n`,
]
const random = new Random(11)
const grid = new DriverGrid()
const round = (degrees: number, decimals: number) => Number(degrees.toFixed(decimals))

interface Asked {
  readonly pickup: Point
  /** The drivers of each task. */
  readonly drivers: readonly (readonly Candidate[])[]
}

/** Many of the drivers stand in the same few places, so that distances are equal. */
function asked(pickup: Point, decimals: number, idOf: (number: number) => string): Asked {
  const places = Array.from({ length: 30 }, () => ({
    lat: round(pickup.lat + (random.next() - 0.5) * 0.05, decimals),
    lng: round(pickup.lng + (random.next() - 0.5) * 0.05, decimals),
  })).map(({ lat, lng }) => ({ lat, lng: lng > 180 ? round(lng - 360, decimals) : lng }))
  let number = random.below(2000)
  const drivers = Array.from({ length: TASKS }, () =>
    Array.from({ length: random.below(25) }, () => {
      const place = random.pick(places)
      return { driverId: idOf(number++), distanceMeters: distanceMeters(pickup, place), ...place }
    }),
  )
  return { pickup, drivers }
}

/** A task's answer for all requests. */
function answer(task: number, requests: readonly Asked[]): FoundBatch {
  const writer = new FoundWriter(8)
  writer.begin(task, TASKS, requests.length)
  for (const { pickup, drivers } of requests) {
    const here = drivers[task] ?? []
    for (const { driverId, ...position } of here) grid.put(driverId, position, 0)
    writer.add(pickup, grid.nearest({ ...pickup, since: 0 }))
    for (const { driverId } of here) grid.remove(driverId)
  }
  return new FoundBatch(writer.end(task === 0 ? TEXT : NOTHING))
}

const sorted = (candidates: readonly Candidate[]) =>
  candidates.toSorted((a, b) => a.distanceMeters - b.distanceMeters || (a.driverId < b.driverId ? -1 : 1)).slice(0, 10)

it.each([
  ['Null Island', { lat: 0, lng: 0 }, () => 7],
  ['a city, six decimals', { lat: 40.75, lng: -73.98 }, () => 6],
  ['a city, all decimals', { lat: 40.75, lng: -73.98 }, () => 15],
  ['the date line', { lat: -17, lng: 179.99 }, () => 7],
  ['a mixture', { lat: 1e-8, lng: 0 }, (i: number) => (i % 3 === 0 ? 12 : 5)],
  ['some with more decimals', { lat: 51.5, lng: 0 }, (i: number) => (i % 3 === 0 ? 12 : 5)],
])('answers put together through rows of the store give the nearest of all, to the last bit: %s', (_, at, decimals) => {
  for (const idOf of [...IDS, (number: number) => IDS[number % IDS.length]?.(number) as string]) {
    const requests = Array.from({ length: REQUESTS }, (__, i) => asked(at, decimals(i), idOf))
    const order = Array.from({ length: TASKS }, (__, task) => task).sort(() => random.next() - 0.5)
    const [first = 0, ...others] = order
    let open: OpenBatch = { tasks: [first], answers: [answer(first, requests)] }
    for (const task of others) {
      const row = Buffer.from(openBatchSerde.serialize('', open))
      const read = openBatchSerde.deserialize('', row)
      expect(read.tasks).toEqual(open.tasks)
      open = { tasks: [...read.tasks, task], answers: [...read.answers, answer(task, requests)] }
    }
    const [merge, again] = [new FoundMerge(open.answers), new FoundMerge(open.answers)]
    const text = new OfferText()
    expect(merge.requests).toEqual(TEXT)
    expect(requests.map(() => nextCandidates(merge))).toEqual(requests.map(({ drivers }) => sorted(drivers.flat())))
    const texts = requests.map(({ pickup }) => text.write(['t', 0, pickup.lat, pickup.lng, 'ü"', 0, []], again))
    expect(texts).toEqual(
      requests.map(({ pickup: { lat, lng }, drivers }) =>
        JSON.stringify({
          tripId: 't',
          requestedAt: formatInstant(0),
          pickup: { lat, lng, address: 'ü"' },
          offers: sorted(drivers.flat()),
        }),
      ),
    )
  }
})

it.each([0, 40.75, -63, 79.99, 81])(
  'drivers who are as far away to a centimetre come in the exact order: latitude %s',
  (lat) => {
    const pickup = { lat, lng: -73.98 }
    // Some stand where a decimetre ends.
    const rings = [5, 100, 5000, ...Array.from({ length: 20 }, (_, i) => 4000 + i / 2000)]
    const requests = rings.map((meters) => ({
      pickup,
      drivers: Array.from({ length: TASKS }, (_, task) =>
        Array.from({ length: 25 }, (__, i) => {
          const angle = random.next() * 2 * Math.PI
          const north = (meters / METERS_PER_DEGREE) * Math.cos(angle)
          const stretch = Math.sqrt(Math.cos(lat * RADIANS) * Math.cos((lat + north) * RADIANS))
          const place = {
            lat: round(lat + north, 7),
            lng: round(pickup.lng + ((meters / METERS_PER_DEGREE) * Math.sin(angle)) / stretch, 7),
          }
          return { driverId: `d-${task}-${i}`, distanceMeters: distanceMeters(pickup, place), ...place }
        }),
      ),
    }))
    const [first, ...others] = Array.from({ length: TASKS }, (_, task) => answer(task, requests))
    const merge = new FoundMerge([first as FoundBatch, ...others])
    expect(requests.map(() => nextCandidates(merge))).toEqual(
      requests.map(({ drivers }) => sorted(drivers.flat().filter((one) => one.distanceMeters <= 5000))),
    )
  },
)

it('ids read as they were written, also when new drivers have ids that begin differently', () => {
  const pickup = { lat: 40.75, lng: -73.98 }
  const drivers = new DriverGrid()
  const writer = new FoundWriter()
  const come = (...ids: readonly string[]) => {
    for (const id of ids) drivers.put(id, pickup, 0)
    writer.begin(0, 1, 1)
    writer.add(pickup, drivers.nearest({ ...pickup, since: 0 }))
    const found = new FoundBatch(writer.end(NOTHING))
    return { text: found.text, ids: nextCandidates(new FoundMerge([found])).map(({ driverId }) => driverId) }
  }
  expect(come('car-1', 'car-2')).toEqual({ text: 'car-', ids: ['car-1', 'car-2'] })
  expect(come('cab-3', 'ü')).toEqual({ text: '', ids: ['cab-3', 'car-1', 'car-2', 'ü'] })
})
