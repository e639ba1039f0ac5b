import { describe, expect, it } from 'vitest'
import { StreamsBuilder, Topology } from '../../topology/index.ts'
import { dslCases, topologyCases } from './cases/index.ts'
import { readRecording, recordedCases } from './recording.ts'
import { expectedStores, replay } from './replay.ts'

function topologyOf(name: string): Topology {
  const topologyCase = topologyCases[name]
  if (topologyCase !== undefined) {
    const topology = new Topology()
    topologyCase(topology)
    return topology
  }
  const builder = new StreamsBuilder()
  dslCases[name]?.(builder)
  return builder.build()
}

const names = [...Object.keys(dslCases), ...Object.keys(topologyCases)].sort()

describe('the same topology and input as in Kafka Streams', () => {
  it('every recorded case has its twin here', () => {
    expect(names).toEqual(recordedCases())
  })

  it.each(names)('%s: same output, stores and description', (name) => {
    const recording = readRecording(name)
    const topology = topologyOf(name)
    const actual = replay(topology, recording)
    expect(actual.describe).toBe(recording.describe)
    expect(actual.steps).toEqual(recording.steps)
    expect(actual.stores).toEqual(expectedStores(topology, recording))
  })
})
