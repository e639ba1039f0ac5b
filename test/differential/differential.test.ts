import { describe, expect, it } from 'vitest'
import { StreamsBuilder, Topology } from '../../topology/index.ts'
import { dslCases, optimizedCases, topologyCases } from './cases/index.ts'
import { intendedDifferences } from './intended.ts'
import { type Recording, readRecording, recordedCases } from './recording.ts'
import { expectedStores, replay } from './replay.ts'

function topologyOf(name: string): Topology {
  const topologyCase = topologyCases[name]
  if (topologyCase !== undefined) {
    const topology = new Topology()
    topologyCase(topology)
    return topology
  }
  const builder = new StreamsBuilder({ topologyOptimization: name in optimizedCases ? 'all' : 'none' })
  dslCases[name]?.(builder)
  return builder.build()
}

const names = [...Object.keys(dslCases), ...Object.keys(topologyCases)].sort()

function compared(name: string): { recording: Recording; actual: Recording; stores: Recording['stores'] } {
  const recording = readRecording(name)
  const topology = topologyOf(name)
  return { recording, actual: replay(topology, recording), stores: expectedStores(topology, recording) }
}

function linesOf({ steps }: Recording): string[] {
  return steps.flatMap(({ out }) => out.map(({ key, timestamp, value }) => `${key}@${timestamp}=${value}`))
}

/** The lines of `a` that `b` has not; each counts as often as it is there. */
function without(a: readonly string[], b: readonly string[]): string[] {
  const left = [...b]
  return a.filter((line) => {
    const at = left.indexOf(line)
    if (at >= 0) left.splice(at, 1)
    return at < 0
  })
}

describe('a topology with the input that Kafka Streams had', () => {
  it('has a twin here for every recorded case', () => {
    expect(names).toEqual(recordedCases())
  })

  const isIntended = (name: string): boolean => intendedDifferences[name] !== undefined

  it.each(names.filter((name) => !isIntended(name)))('%s: gives the same output, stores and description', (name) => {
    const { recording, actual, stores } = compared(name)
    expect(actual.describe).toBe(recording.describe)
    expect(actual.steps).toEqual(recording.steps)
    expect(actual.stores).toEqual(stores)
  })

  it.each(Object.entries(intendedDifferences))(
    '%s: differs only where the difference is intended',
    (name, intended) => {
      const { recording, actual, stores } = compared(name)
      expect(actual.describe).toBe(recording.describe)
      const [ours, theirs] = [linesOf(actual), linesOf(recording)]
      expect(without(theirs, ours).sort()).toEqual([...intended.missing].sort())
      expect(without(ours, theirs).sort()).toEqual([...intended.extra].sort())
      expect(actual.steps).not.toEqual(recording.steps)
      expect(actual.stores).toEqual(stores)
    },
  )
})
