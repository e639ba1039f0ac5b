import { type JoinWindows, joinWindows, type StreamsBuilder } from '../../../topology/index.ts'
import type { DslCases } from '../case.ts'
import { number, OUT, pair, S, SS, type Text } from '../values.ts'

const joiner = (left: Text, right: Text) => pair(left, right)
const WITH = { joiner, keySerde: S, valueSerde: S, otherValueSerde: S }
const within = (timeDifferenceMs: number, graceMs = 0) => ({
  ...WITH,
  windows: joinWindows({ timeDifferenceMs, graceMs }),
})
const stream = (b: StreamsBuilder, topic: string) => b.stream<string, Text>(topic, SS)
const rekeyed = (b: StreamsBuilder, topic: string) =>
  stream(b, topic)
    .filter((_key, value): boolean => value !== null)
    .selectKey((_key, value) => `n${number(value) % 3}`)

type Join = 'join' | 'leftJoin' | 'outerJoin'

interface Options {
  readonly joiner: (left: Text, right: Text, key: string) => string
  readonly windows: JoinWindows
  readonly name?: string
  readonly storeName?: string
}

function both(b: StreamsBuilder, join: Join, options: Options): void {
  const left = stream(b, 'left')
  const right = stream(b, 'right')
  if (join === 'join') left.join<Text, string>(right, options).to('out', OUT)
  else if (join === 'leftJoin') left.leftJoin<Text, string>(right, options).to('out', OUT)
  else left.outerJoin<Text, string>(right, options).to('out', OUT)
}

/** Twins of StreamJoinCases.java. */
export const streamJoinCases: DslCases = {
  'stream-stream-inner': (b) => both(b, 'join', within(800)),
  'stream-stream-left': (b) => both(b, 'leftJoin', within(800)),
  'stream-stream-outer': (b) => both(b, 'outerJoin', within(800)),
  'stream-stream-inner-grace': (b) =>
    both(b, 'join', { ...within(600, 1000), joiner: (left, right, key) => `${key}:${pair(left, right)}` }),
  'stream-stream-left-grace': (b) => both(b, 'leftJoin', within(600, 1000)),
  'stream-stream-outer-grace': (b) => both(b, 'outerJoin', within(600, 1000)),
  'stream-stream-asymmetric': (b) =>
    both(b, 'join', { ...WITH, windows: joinWindows({ beforeMs: 1500, afterMs: 300, graceMs: 500 }) }),
  'stream-stream-left-asymmetric': (b) =>
    both(b, 'leftJoin', { ...WITH, windows: joinWindows({ beforeMs: 1200, graceMs: 500 }) }),
  'stream-stream-outer-asymmetric': (b) =>
    both(b, 'outerJoin', { ...WITH, windows: joinWindows({ afterMs: 1200, graceMs: 500 }) }),
  'stream-stream-named': (b) => both(b, 'join', { ...within(500), name: 'meet', storeName: 'meeting' }),
  'stream-stream-outer-named': (b) => both(b, 'outerJoin', { ...within(500), name: 'meet', storeName: 'meeting' }),
  'stream-stream-rekeyed': (b) =>
    rekeyed(b, 'left').join<Text, string>(rekeyed(b, 'right'), within(700)).to('out', OUT),
  'stream-stream-rekeyed-named': (b) =>
    rekeyed(b, 'left')
      .leftJoin<Text, string>(rekeyed(b, 'right'), { ...within(700), name: 'meet' })
      .to('out', OUT),
  'stream-stream-self': (b) => {
    const input = stream(b, 'left')
    input.join<Text, string>(input, within(500)).to('out', OUT)
  },
  'stream-stream-same-times': (b) => both(b, 'outerJoin', within(0)),
  'stream-stream-chained': (b) =>
    stream(b, 'left')
      .join<Text, string>(stream(b, 'right'), within(500))
      .leftJoin<Text, string>(stream(b, 'third'), within(500, 500))
      .to('out', OUT),
}
