import { joinWindows } from 'ride-streams'
import { type CaseInput, type ChaosCase, NEVER_LATE_MS, ofTopic } from '../chaos-case.ts'

const WITHIN_MS = 2000

/** Joins of two streams, left and outer: each pair once, and each record without a partner once. */
export const STREAMS: ChaosCase = {
  name: 'streams',
  inputs: ['streams-left', 'streams-right'],
  outputs: ['streams-left-joined', 'streams-outer-joined'],
  add(builder) {
    const left = builder.stream<string, number>('streams-left')
    const right = builder.stream<string, number>('streams-right')
    const windows = joinWindows({ timeDifferenceMs: WITHIN_MS, graceMs: NEVER_LATE_MS })
    left.leftJoin(right, { windows, storeName: 'left', joiner: (l, r) => ({ l, r }) }).to('streams-left-joined')
    left.outerJoin(right, { windows, storeName: 'outer', joiner: (l, r) => ({ l, r }) }).to('streams-outer-joined')
  },
  record: (random, at) => ({
    topic: random.chance(0.5) ? 'streams-left' : 'streams-right',
    key: `key-${random.below(30)}`,
    value: random.below(1e9),
    timestamp: at - random.below(3000),
  }),
  closing: (key) => ['streams-left', 'streams-right'].map((topic) => ({ topic, key, value: 0 })),
  expected(input) {
    const pairs = joined(input)
    const alone = (side: 'l' | 'r') => pairs.alone[side]
    return {
      events: {
        'streams-left-joined': [...pairs.both, ...alone('l')],
        'streams-outer-joined': [...pairs.both, ...alone('l'), ...alone('r')],
      },
    }
  },
}

function joined(input: readonly CaseInput[]) {
  const left = ofTopic<number>(input, 'streams-left')
  const right = ofTopic<number>(input, 'streams-right')
  const byKey = Map.groupBy(right, ({ key }) => key)
  const met = new Set<CaseInput>()
  const both: string[] = []
  for (const l of left) {
    for (const r of byKey.get(l.key) ?? []) {
      if (Math.abs(l.timestamp - r.timestamp) > WITHIN_MS) continue
      both.push(`${l.key} {"l":${l.value},"r":${r.value}}`)
      met.add(l).add(r)
    }
  }
  const alone = {
    l: left.filter((l) => !met.has(l)).map(({ key, value }) => `${key} {"l":${value},"r":null}`),
    r: right.filter((r) => !met.has(r)).map(({ key, value }) => `${key} {"l":null,"r":${value}}`),
  }
  return { both, alone }
}
