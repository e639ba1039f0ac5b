import type { StreamsBuilder } from '../../../topology/index.ts'
import { lastHeader } from '../../../topology/index.ts'
import type { DslCases } from '../case.ts'
import { even, kv, number, OUT, OUT_L, SS, type Text } from '../values.ts'

const read = (b: StreamsBuilder, topic = 'in') => b.stream<string, Text>(topic, SS)

/** Twins of StatelessCases.java. */
export const statelessCases: DslCases = {
  filter: (b) =>
    read(b)
      .filter((_key, value) => value !== null && even(value))
      .to('out', OUT),
  'filter-not': (b) =>
    read(b)
      .filterNot((key) => key === 'a')
      .to('out', OUT),
  map: (b) =>
    read(b)
      .map((_key, value) => [value, number(value)])
      .to('out', OUT_L),
  'map-values': (b) =>
    read(b)
      .mapValues((value) => (value === null ? null : `${value}!`))
      .to('out', OUT),
  'map-values-with-key': (b) =>
    read(b)
      .mapValues((value, key) => `${key}/${value}`)
      .to('out', OUT),
  'flat-map': (b) =>
    read(b)
      .flatMap((key, value): [string, number][] => {
        const n = number(value)
        return n % 3 === 0
          ? []
          : [
              [key, n],
              [`x${key}`, 0 - n],
            ]
      })
      .to('out', OUT_L),
  'flat-map-values': (b) =>
    read(b)
      .flatMapValues((value) => (value === null ? [] : [value, value + value]))
      .to('out', OUT),
  'select-key': (b) =>
    read(b)
      .selectKey((_key, value) => (value === null ? null : `n${number(value) % 3}`))
      .to('out', OUT),
  peek: (b) =>
    read(b)
      .peek(() => undefined)
      .to('out', OUT),
  foreach: (b) => {
    const input = read(b)
    input.forEach(() => {
      // The end of the way.
    })
    input.to('out', OUT)
  },
  merge: (b) =>
    read(b, 'left')
      .mapValues((value): Text => `l${value}`)
      .merge(read(b, 'right'))
      .to('out', OUT),
  'merge-self-branches': (b) => {
    const input = read(b)
    input
      .filter((_key, value) => even(value))
      .merge(input.mapValues((value): Text => `${value}?`))
      .to('out', OUT)
  },
  'split-default': (b) => {
    const branches = read(b)
      .split({ name: 'by-' })
      .branch((_key, value) => value !== null && even(value), { name: 'even' })
      .branch((key) => key === 'a', { name: 'a' })
      .defaultBranch({ name: 'rest' })
    branches.get('by-even')?.to('even', OUT)
    branches.get('by-a')?.to('a', OUT)
    branches.get('by-rest')?.to('rest', OUT)
  },
  'split-no-default': (b) => {
    const branches = read(b)
      .split()
      .branch((_key, value) => number(value) % 3 === 0)
      .branch((_key, value) => number(value) % 3 === 1)
      .noDefaultBranch()
    let n = 0
    for (const [name, branch] of [...branches].sort(([a], [z]) => (a < z ? -1 : 1))) {
      branch.mapValues((value) => name.slice(-2) + value).to(`out${n++}`, OUT)
    }
  },
  repartition: (b) =>
    read(b)
      .selectKey((_key, value) => `n${number(value) % 4}`)
      .repartition(SS)
      .to('out', OUT),
  'repartition-named': (b) =>
    read(b)
      .repartition({ name: 'spread', ...SS, partitions: 1 })
      .to('out', OUT),
  'to-table': (b) => read(b).toTable().toStream().to('out', OUT),
  'to-table-materialized': (b) =>
    read(b)
      .toTable({ name: 'latest', materialized: kv('latest-store') })
      .toStream()
      .to('out', OUT),
  'to-table-rekeyed': (b) =>
    read(b)
      .selectKey((_key, value) => (value === null ? null : `n${number(value) % 4}`))
      .toTable({ materialized: kv('by-number') })
      .toStream()
      .to('out', OUT),
  'topic-extractor': (b) =>
    read(b).to((_key, _value, { timestamp }) => (timestamp % 2 === 0 ? 'even-time' : 'odd-time'), OUT),
  'topic-extractor-headers': (b) =>
    read(b).to((_key, _value, { headers }) => lastHeader(headers, 'origin')?.toString() ?? 'plain', OUT),
  'headers-pass-through': (b) =>
    read(b)
      .map((key, value) => [key, `${value}'`])
      .filter((key) => key !== null)
      .to('out', OUT),
  'many-topics-one-source': (b) => b.stream<string, Text>(['left', 'right'], SS).to('out', OUT),
  'two-sinks': (b) => {
    const input = read(b)
    input.to('first', OUT)
    input.mapValues(number).to('second', OUT_L)
  },
  'timestamp-extractor': (b) =>
    b
      .stream<string, Text>('in', {
        ...SS,
        timestampExtractor: ({ value, timestamp }) => {
          const n = number(value as Text)
          return n % 5 === 0 ? -1 : timestamp + n
        },
      })
      .to('out', OUT),
  'chain-auto-names': (b) =>
    read(b)
      .filter((_key, value) => value !== null)
      .mapValues(number)
      .flatMapValues((value) => [value, value + 1])
      .selectKey((_key, value) => `m${value % 2}`)
      .peek(() => undefined)
      .filterNot((_key, value) => value % 7 === 0)
      .to('out', OUT_L),
  'chain-named': (b) =>
    b
      .stream<string, Text>('in', { ...SS, name: 'events' })
      .filter((_key, value) => value !== null, { name: 'present' })
      .mapValues(number, { name: 'numbers' })
      .selectKey((_key, value) => `m${value % 2}`, { name: 'by-parity' })
      .to('out', { ...OUT_L, name: 'numbers-out' }),
  'two-subtopologies': (b) => {
    read(b, 'left').to('out-left', OUT)
    read(b, 'right')
      .mapValues((value) => `${value}r`)
      .to('out-right', OUT)
  },
  'through-own-topic': (b) => {
    read(b)
      .mapValues((value) => `${value}1`)
      .to('middle', OUT)
    read(b, 'middle')
      .mapValues((value) => `${value}2`)
      .to('out', OUT)
  },
}
