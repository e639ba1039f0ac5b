import { describe, expect, it } from 'vitest'
import { StreamsBuilder, serdes, type Topology } from '../../../exports/index.ts'
import { type RawOutput, type SimulationFaults, simulate } from '../../../exports/testing.ts'
import { NO_FAULTS } from '../../../runtime/simulation/simulated-run.ts'
import type { ReadRecord } from '../../support/kafkajs.ts'
import { closingsOf, placed, recordsOf } from './case-run.ts'
import { CASES } from './cases/index.ts'
import { type CaseRecord, type ChaosCase, isClosing, PARTITIONS } from './chaos-case.ts'
import { caseDifferences } from './judge-cases.ts'

/** Their results need a table to be loaded, or all partitions to be read, before something else is sent. A simulation sends on. */
const NEED_A_BARRIER = ['windows-minutes', 'tables-named-orders', 'global-named']

const RECORDS = 150

function topologyOf(one: ChaosCase, seed: number): Topology {
  const builder = new StreamsBuilder({
    defaultKeySerde: serdes.string,
    defaultValueSerde: serdes.json(),
    topologyOptimization: seed % 2 === 0 ? 'all' : 'none',
  })
  one.add(builder)
  return builder.build()
}

function inputOf(one: ChaosCase, seed: number): CaseRecord[] {
  return [...(one.before?.() ?? []), ...recordsOf([one], seed, RECORDS), ...closingsOf([one]).flat()]
}

/** The case without outputs that its simulation cannot be asked for. */
function withoutBarriers(one: ChaosCase): ChaosCase {
  const kept = <V>(rows: Readonly<Record<string, V>> = {}) =>
    Object.fromEntries(Object.entries(rows).filter(([topic]) => !NEED_A_BARRIER.includes(topic)))
  return {
    ...one,
    expected: (input) => {
      const { events, tables, sums } = one.expected(input)
      return { events: kept(events), tables: kept(tables), sums: kept(sums) }
    },
  }
}

const read = (topic: string, { key, value, timestamp, partition }: RawOutput, at: number): ReadRecord => ({
  ...{ topic, partition, key, value, timestamp: String(timestamp), offset: String(at), attributes: 0, headers: {} },
})

/** Runs the case on a simulated cluster, and reads what was committed. */
async function outputsOf(
  one: ChaosCase,
  input: readonly CaseRecord[],
  seed: number,
  faults: SimulationFaults,
): Promise<readonly ReadRecord[]> {
  let outputs: readonly ReadRecord[] = []
  await simulate(() => topologyOf(one, seed), {
    ...{ input, seeds: [seed], partitions: PARTITIONS, maxSteps: 1_000_000, faults },
    check: (found) => {
      outputs = one.outputs.flatMap((topic) => found.raw(topic).map((record, at) => read(topic, record, at)))
    },
  })
  return outputs
}

/** Its calls take time that no simulation has; call-simulation.ts has calls of its own. */
const SIMULATED = CASES.filter(({ name }) => name !== 'calls')

describe('the topologies of the chaos run', () => {
  it.each(SIMULATED)('$name: its oracle agrees with simulated clusters under faults', async (one) => {
    const judged = withoutBarriers(one)
    for (const seed of [1, 2, 3]) {
      const input = inputOf(one, seed)
      const found = await outputsOf(one, input, seed, {})
      expect(found.length).toBeGreaterThan(RECORDS / 4)
      expect(caseDifferences([judged], input.map(placed), found)).toEqual([])
    }
  })

  it.each(SIMULATED)('$name: an output that is missing, there twice or another one is found', async (one) => {
    const judged = withoutBarriers(one)
    const input = inputOf(one, 1)
    const outputs = await outputsOf(one, input, 1, NO_FAULTS)
    for (const topic of one.outputs.filter((name) => !NEED_A_BARRIER.includes(name))) {
      // The last record of a key counts in tables, too.
      const at = outputs.findLastIndex((record) => record.topic === topic && !isClosing(String(record.key)))
      const last = outputs[at] as ReadRecord
      const isTable = topic in (judged.expected(input.map(placed)).tables ?? {})
      const found = (changed: readonly ReadRecord[]) =>
        caseDifferences([judged], input.map(placed), changed).map(({ text }) => text.split(':')[0])
      const other = { ...last, value: Buffer.from('123456789') }
      expect(found(outputs.with(at, other)).slice(0, 1)).toEqual([topic])
      if (isTable) continue
      expect(found(outputs.toSpliced(at, 1))).toEqual([topic])
      expect(found(outputs.toSpliced(at, 0, last))).toEqual([topic])
    }
  })

  it('a count that comes twice or goes back is found', async () => {
    const [windows] = CASES
    const one = withoutBarriers(windows as ChaosCase)
    const input = inputOf(one, 1)
    const outputs = await outputsOf(one, input, 1, NO_FAULTS)
    const at = outputs.findLastIndex(({ topic, key }) => topic === 'windows-counts' && !isClosing(String(key)))
    const last = outputs[at] as ReadRecord
    const differences = caseDifferences([one], input.map(placed), outputs.toSpliced(at, 0, last))
    expect(differences.map(({ kind, text }) => `${kind} ${text.replace(/\d+/g, 'N')}`)).toEqual([
      'wrong windows-counts: group-N goes from N to N',
    ])
  })
})
