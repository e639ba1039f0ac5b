import { expect, it, vi } from 'vitest'
import { configurationPage } from '../../app/config/configuration-page.ts'
import { loadRideConfig } from '../../app/config/ride-config.ts'
import { VerifyNames } from '../../app/verify/verify-names.ts'
import { eventsMarkdown } from '../../processors/events/docs.ts'
import { rideReplayRules } from '../../processors/replay-rules.ts'
import { rideTopics } from '../../processors/ride-topics.ts'
import { buildRideTopology } from '../../processors/ride-topology.ts'
import { TopologyTestDriver } from '../../runtime/memory/test-driver.ts'
import { completed, requested } from '../support/ride-events.ts'

/* The application with one processor more, which its descriptor and the one list tell everybody about. */

vi.mock(import('../../processors/ride-processors.ts'), async (original) => {
  const { RIDE_PROCESSORS } = await original()
  const { tripsByStatus } = await import('./trips-by-status.ts')
  return { RIDE_PROCESSORS: [...RIDE_PROCESSORS, tripsByStatus] as never }
})

const name = 'trips-by-status'
const topic = 'trips.by_status'

it('the configuration offers it, and refuses it without what it needs', () => {
  const { processors } = loadRideConfig({})
  expect(processors.at(-1)).toBe(name)
  expect(() => loadRideConfig({ PROCESSORS: name })).toThrow(`PROCESSORS: "${name}" needs "trip-state"`)
  expect(configurationPage()).toContain(`trip-history, ${name} |`)
})

it('its topic is made, and its documentation stands behind that of the others', () => {
  const made = rideTopics({ applicationId: 'rides', outputRetentionMs: -1 }).find((one) => one.name === topic)
  expect(made).toMatchObject({ role: 'output', partitions: 3, config: { 'cleanup.policy': 'compact' } })
  expect(eventsMarkdown()).toContain(`### ${topic}\n\nHow many trips are in each status now.`)
  expect(eventsMarkdown()).toMatch(
    /`trips\.by_status` +\| 3 +\| `status` +\| compact +\| how many trips are in that status/,
  )
})

it('a replay has rules for its rows, and verify a fold for its store', () => {
  expect([rideReplayRules.stores[name], rideReplayRules.outputs[topic]]).toEqual([
    expect.objectContaining({ isTable: true }),
    expect.objectContaining({ isTable: true }),
  ])
  const { processors } = loadRideConfig({})
  const names = new VerifyNames({ applicationId: 'rides', h3Resolution: 9, processors })
  expect([names.has(name), names.written.includes(topic), names.notCompared]).toEqual([true, true, []])
})

it('it runs, behind all others: they keep the numbers of their subtopologies', () => {
  const { processors } = loadRideConfig({})
  const plan = buildRideTopology({ h3Resolution: 9, processors }).build({ applicationId: 'rides' })
  expect(plan.subtopologies.at(-1)?.stores.map(({ spec }) => spec.name)).toEqual([name])
  const driver = new TopologyTestDriver(plan)
  for (const { topic: input, key, value, timestamp } of [
    requested('t', 1000, { lat: 40.7, lng: -73.9 }),
    completed('t', 2000),
  ]) {
    driver.pipeInput(input, { key, value, timestamp })
  }
  expect(driver.readOutput(topic).map(({ key, value }) => `${key} ${value}`)).toEqual([
    'requested {"trips":1}',
    'requested {"trips":0}',
    'completed {"trips":1}',
  ])
})
