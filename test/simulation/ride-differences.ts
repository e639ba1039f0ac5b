import { rideTopics } from '../../processors/ride-topics.ts'
import type { SimulatedLog } from '../../runtime/simulation/simulated-log.ts'
import { type InputRecord, type Json, type Oracle, oracle, revenueDifferences } from '../support/oracle.ts'

export const APPLICATION_ID = 'sim'

export function expectation(world: SimulatedLog): Oracle {
  return oracle(committedInputs(world))
}

export function committedInputs(world: SimulatedLog): InputRecord[] {
  const inputs = rideTopics({ applicationId: APPLICATION_ID, outputRetentionMs: -1 }).filter(
    ({ role }) => role === 'input',
  )
  return inputs.flatMap(({ name }) => world.committed(name))
}

export function lossDifferences(world: SimulatedLog, expected: Oracle): string[] {
  const differences: string[] = []
  const emitted = (topic: string): Set<string> =>
    new Set(world.committed(topic).map(({ value }) => JSON.stringify(JSON.parse(String(value)))))
  const trips = emitted('trip.state')
  for (const [id, state] of expected.trips) {
    if (!trips.has(JSON.stringify(state))) differences.push(`trip ${id} never was ${JSON.stringify(state)}`)
  }
  const cells = emitted('driver.cell.changed')
  for (const { value } of [...expected.cellChanges.values()].flat()) {
    if (!cells.has(JSON.stringify(value))) differences.push(`no cell change ${JSON.stringify(value)}`)
  }
  const dead = new Set(deadLetters(world))
  for (const letter of expectedDeadLetters(expected))
    if (!dead.has(letter)) differences.push(`no dead letter ${letter}`)
  return differences
}

export function exactDifferences(world: SimulatedLog, expected: Oracle): string[] {
  const differences: string[] = []
  const compare = (what: string, actual: unknown, wanted: unknown): void => {
    const [a, w] = [JSON.stringify(actual), JSON.stringify(wanted)]
    if (a !== w) differences.push(`${what}: ${a}, expected ${w}`)
  }
  const trips = latest(world, 'trip.state')
  for (const id of new Set([...trips.keys(), ...expected.trips.keys()])) {
    compare(`trip ${id}`, trips.get(id), expected.trips.get(id))
  }
  const changes = new Map<string, Json[]>()
  for (const { key, value } of world.committed('driver.cell.changed')) {
    const driver = String(key)
    changes.set(driver, [...(changes.get(driver) ?? []), JSON.parse(String(value)) as Json])
  }
  for (const id of new Set([...changes.keys(), ...expected.cellChanges.keys()])) {
    compare(
      `cells of ${id}`,
      changes.get(id),
      expected.cellChanges.get(id)?.map(({ value }) => value),
    )
  }
  differences.push(...revenueDifferences(expected, latest(world, 'analytics.hourly_revenue')))
  compare('dead letters', deadLetters(world), expectedDeadLetters(expected))
  return differences
}

/** `topic-partition@offset` of each dead letter, sorted. */
function deadLetters(world: SimulatedLog): string[] {
  return world
    .committed(`${APPLICATION_ID}.dlq`)
    .map(({ headers }) => {
      const of = (name: string): string =>
        String([...headers].find(({ key }) => key === `__streams.errors.${name}`)?.value)
      return `${of('topic')}-${of('partition')}@${of('offset')}`
    })
    .sort()
}

function expectedDeadLetters(expected: Oracle): string[] {
  return expected.deadLetters.map(({ topic, partition, offset }) => `${topic}-${partition}@${offset}`).sort()
}

function latest(world: SimulatedLog, topic: string): Map<string, Json> {
  return new Map(world.committed(topic).map(({ key, value }) => [String(key), JSON.parse(String(value)) as Json]))
}
