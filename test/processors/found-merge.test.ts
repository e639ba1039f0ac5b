import { expect, it } from 'vitest'
import { distanceMeters, type Point } from '../../processors/geo/great-circle.ts'
import { FoundBatch, FoundWriter } from '../../processors/trip-offers/found-batch.ts'
import { FoundMerge } from '../../processors/trip-offers/found-merge.ts'
import { type Candidate, Nearest } from '../../processors/trip-offers/offer.ts'
import { type OpenBatch, openBatchSerde } from '../../processors/trip-offers/offer-gathering.ts'
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
]
const random = new Random(11)
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
    const nearest = new Nearest()
    for (const { driverId, distanceMeters: distance, lat, lng } of drivers[task] ?? [])
      nearest.add(driverId, distance, lat, lng)
    writer.add(pickup, nearest)
  }
  return new FoundBatch(writer.end(task === 0 ? TEXT : NOTHING))
}

const sorted = (candidates: readonly Candidate[]) =>
  candidates.toSorted((a, b) => a.distanceMeters - b.distanceMeters || (a.driverId < b.driverId ? -1 : 1)).slice(0, 10)

it.each([
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
    const merge = new FoundMerge(open.answers)
    expect(merge.requests).toEqual(TEXT)
    expect(requests.map(() => merge.nearest().toCandidates())).toEqual(
      requests.map(({ drivers }) => sorted(drivers.flat())),
    )
  }
})
