import { describe, expect, it } from 'vitest'
import { simulate } from '../../runtime/simulation/index.ts'
import { randomTopology } from './random-dsl.ts'
import { type RandomRecording, randomCases, readRandom } from './recording.ts'
import { expectedStores, replay } from './replay.ts'

const SEEDS = 1

/** The order of records is defined: no task reads two topics. */
function readsInOneOrder({ topology, ...options }: RandomRecording): boolean {
  const { subtopologies, globalStores } = randomTopology(topology, options).build({ applicationId: 'random' })
  return globalStores.length === 0 && subtopologies.every(({ sourceTopics }) => sourceTopics.length === 1)
}

function inputOf({ steps }: RandomRecording) {
  return steps.flatMap((step) => {
    if (!('topic' in step)) return []
    const { topic, key, value, timestamp } = step
    return [{ topic, key: key ?? undefined, value: value ?? undefined, timestamp }]
  })
}

describe('a topology that a seed made', () => {
  it.each(randomCases())('%s: gives the same output, stores and description as Kafka Streams', (name) => {
    const recording = readRandom(name)
    const build = () => randomTopology(recording.topology, recording)
    const actual = replay(build(), recording)
    expect(actual.describe).toBe(recording.describe)
    expect(actual.steps).toEqual(recording.steps)
    expect(actual.stores).toEqual(expectedStores(build(), recording))
  })

  it.each(randomCases().filter((name) => readsInOneOrder(readRandom(name))))(
    '%s: gives the same results after crashes, lost messages and rebalances',
    async (name) => {
      const recording = readRandom(name)
      // Caches make results depend on when commits come.
      const build = () => randomTopology(recording.topology, { ...recording, caching: false })
      const { seeds } = await simulate(build, { input: inputOf(recording), seeds: SEEDS, partitions: 1 })
      expect(seeds).toBe(SEEDS)
    },
  )
})
