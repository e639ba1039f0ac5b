import { describe, expect, it } from 'vitest'
import { UserCodeError } from '../../../state/ports/errors.ts'
import type { Headers } from '../../../state/ports/headers.ts'
import type { Consumed, Produced } from '../../../topology/dsl/options.ts'
import {
  type Plan,
  type ProcessorContext,
  record,
  StreamsBuilder,
  serdes,
  timeWindows,
} from '../../../topology/index.ts'
import { MemoryApp, type MemoryAppOptions } from '../../support/memory-app.ts'

const TEXT = { keySerde: serdes.string, valueSerde: serdes.string }
const own = (): never => {
  throw new RangeError('of my own')
}
/** Lets a test pass what the types forbid, as a program without types could. */
const untyped = (value: unknown): never => value as never

interface Steps {
  readonly consumed?: Consumed<string, string>
  readonly map?: (value: string) => string
  readonly produced?: Produced<string, string>
  readonly to?: () => string
}

function through({ consumed, map = (value) => value, produced, to }: Steps): Plan {
  const builder = new StreamsBuilder()
  builder
    .stream<string, string>('in', { ...TEXT, name: 'source', ...consumed })
    .mapValues(map, { name: 'map' })
    .to(to ?? 'out', { ...TEXT, name: 'sink', ...produced })
  return builder.build().build({ applicationId: 'app' })
}

async function fed(plan: Plan, options: Partial<MemoryAppOptions> = {}): Promise<MemoryApp> {
  const dead = 'dead-letter' as const
  const app = new MemoryApp({
    plan,
    topics: { in: 1, out: 1 },
    ...options,
    config: {
      deserializationExceptionHandler: dead,
      processingExceptionHandler: dead,
      productionExceptionHandler: dead,
      ...options.config,
    },
  })
  app.produce('in', 'a', 'bad', { timestamp: 5 })
  app.produce('in', 'a', 'good', { timestamp: 6 })
  await app.start()
  return app
}

function letters(app: MemoryApp): Record<string, string>[] {
  const text = (headers: Headers): Record<string, string> =>
    Object.fromEntries([...headers].map(({ key, value }) => [key.replace('__streams.errors.', ''), String(value)]))
  return app.records(app.deadLetterTopic).map(({ headers }) => text(headers))
}

const onlyBad =
  <T>(fault: () => T) =>
  (value: unknown, otherwise: T): T =>
    value === 'bad' ? fault() : otherwise

describe('a timestamp', () => {
  const bad: readonly [string, unknown][] = [
    ['NaN', Date.parse('yesterday')],
    ['undefined', undefined],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['-Infinity', Number.NEGATIVE_INFINITY],
    ['5000.5', 5000.5],
    ['1700000000000000000', 1_700_000_000_000_000_000],
    ['"2026-01-01"', '2026-01-01'],
    ['7n', 7n],
  ]

  it.each(bad)('%s of an extractor fails its own record, and the dead letter says so', async (shown, time) => {
    const timestampExtractor: Consumed<string, string>['timestampExtractor'] = ({ value, timestamp }) =>
      onlyBad(() => untyped(time))(value, timestamp as never)
    const app = await fed(through({ consumed: { timestampExtractor } }))
    await app.drained('in')
    expect(app.records('out').map(({ timestamp }) => timestamp)).toEqual([6])
    expect(letters(app)).toMatchObject([
      {
        reason: 'timestamp',
        message: `the timestamp extractor of source source has a wrong timestamp: ${shown} is not a timestamp: it must be a whole number of milliseconds from 0 to 8640000000000000`,
        offset: '0',
      },
    ])
    await app.instance.close()
  })

  it.each(bad)(
    '%s of a forwarded record fails the current record, with the name of the processor',
    async (shown, time) => {
      const builder = new StreamsBuilder()
      builder
        .stream<string, string>('in', TEXT)
        .process(
          () => {
            let context: ProcessorContext<string, string>
            return {
              init: (given) => {
                context = given
              },
              process: ({ key, value, timestamp }) =>
                context.forward(record(key, value, onlyBad(() => untyped(time))(value, timestamp as never))),
            }
          },
          { name: 'stamp' },
        )
        .to('out', TEXT)
      const app = await fed(builder.build().build({ applicationId: 'app' }))
      await app.drained('in')
      expect(app.records('out').map(({ timestamp }) => timestamp)).toEqual([6])
      expect(letters(app).map(({ message }) => message)).toEqual([
        expect.stringContaining(`stamp forwards a record with a wrong timestamp: ${shown} is not a timestamp`),
      ])
      await app.instance.close()
    },
  )

  it('in nanoseconds, as another producer wrote it, makes a bad record and opens no window', async () => {
    const builder = new StreamsBuilder()
    builder
      .stream<string, string>('in', TEXT)
      .groupByKey()
      .windowedBy(timeWindows({ sizeMs: 10 }))
      .count({ materialized: { name: 'counts' } })
    const plan = builder.build().build({ applicationId: 'app' })
    const app = new MemoryApp({ plan, topics: { in: 1 }, config: { deserializationExceptionHandler: 'dead-letter' } })
    app.produce('in', 'a', 'x', { timestamp: 1_700_000_000_000_000_000 })
    await app.start()
    await app.drained('in')
    expect(letters(app).map(({ message }) => message)).toEqual([
      expect.stringContaining('the record has a wrong timestamp: 1700000000000000000 is not a timestamp'),
    ])
    await app.instance.close()
  })
})

describe('an error thrown by a function of the user', () => {
  const cases: readonly [string, Steps, { reason: string; message: string }][] = [
    [
      'a timestamp extractor',
      { consumed: { timestampExtractor: ({ value, timestamp }) => onlyBad<number>(own)(value, timestamp) } },
      { reason: 'user_code', message: 'the timestamp extractor of source source failed: of my own' },
    ],
    [
      'a check',
      { consumed: { check: ({ value }) => onlyBad<undefined>(own)(value, undefined) } },
      { reason: 'user_code', message: 'the check of source source failed: of my own' },
    ],
    [
      'a serde that reads',
      {
        consumed: {
          valueSerde: {
            name: 'mine',
            serialize: (_topic, value) => value,
            deserialize: (_topic, bytes) => onlyBad<string>(own)(bytes.toString(), bytes.toString()),
          },
        },
      },
      {
        reason: 'serde',
        message: 'source source: serde mine cannot read the value of a record of in: of my own',
      },
    ],
    ['a mapper', { map: (value) => onlyBad<string>(own)(value, value) }, { reason: 'exception', message: 'of my own' }],
    [
      'a serde that writes',
      {
        produced: {
          valueSerde: {
            name: 'mine',
            serialize: (_topic, value) => onlyBad<string>(own)(value, value),
            deserialize: (_topic, bytes) => bytes.toString(),
          },
        },
      },
      {
        reason: 'production',
        message: 'sink sink: serde mine cannot serialise the value of a record for out: of my own',
      },
    ],
    [
      'a partitioner',
      { produced: { partitioner: (_topic, _key, value) => onlyBad<number>(own)(value, 0) } },
      { reason: 'exception', message: 'of my own' },
    ],
  ]

  it.each(cases)('%s, fails its own record; the dead letter has its stack', async (_what, steps, letter) => {
    const app = await fed(through(steps))
    await app.drained('in')
    expect(app.lines('out')).toEqual(['a=good'])
    expect(letters(app)).toMatchObject([{ ...letter, topic: 'in', partition: '0', offset: '0' }])
    expect(letters(app)[0]?.stacktrace).toMatch(/RangeError: of my own\n\s+at own .*user-code\.test\.ts/)
    await app.instance.close()
  })

  it('after a store that is flushed at the commit, fails the record that caused it', async () => {
    const builder = new StreamsBuilder()
    builder
      .stream<string, string>('in', TEXT)
      .groupBy((_key, value) => value, TEXT)
      .reduce((_before, value) => value, { materialized: { name: 'latest' } })
      .toStream()
      .mapValues((value) => onlyBad<string>(own)(value, value as string), { name: 'map' })
      .to('out', TEXT)
    const plan = builder.build().build({ applicationId: 'app' })
    const app = new MemoryApp({
      plan,
      topics: { in: 1, out: 1, 'app-latest-repartition': 1 },
      config: { processingExceptionHandler: 'dead-letter' },
    })
    for (const value of ['one', 'two', 'bad', 'three']) app.produce('in', 'a', value)
    await app.start()
    await app.drained('in')
    await app.drained('app-latest-repartition')
    expect(app.lines('out')).toEqual(['one=one', 'two=two', 'three=three'])
    expect(letters(app)).toMatchObject([
      { message: 'task 1_0: map failed for the rows that store latest held back: of my own', offset: '2' },
    ])
    await app.instance.close()
  })

  it('stops the instance under `fail`, with operator, record and the original cause', async () => {
    const app = await fed(through({ map: (value) => onlyBad<string>(own)(value, value) }), {
      config: { processingExceptionHandler: 'fail' },
    })
    const error = await app.instance.stopped
    expect(error?.message).toBe('task 0_0 failed in map at offset 0 of in-0: of my own')
    expect(error?.cause).toBeInstanceOf(RangeError)
  })
})

describe('a promise', () => {
  const late = async (): Promise<string> => 'late'
  const cases: readonly [string, Steps, string][] = [
    ['a mapper', { map: untyped(late) }, 'a function of map returned a promise'],
    ['a check', { consumed: { check: untyped(late) } }, 'the check of source source failed: it returned a promise'],
    [
      'a timestamp extractor',
      { consumed: { timestampExtractor: untyped(late) } },
      'the timestamp extractor of source source failed: it returned a promise',
    ],
    [
      'a deserializer',
      { consumed: { valueSerde: { serialize: untyped(late), deserialize: untyped(late) } } },
      'source source: its serde cannot read the value of a record of in: deserialize() returned a promise',
    ],
    ['a partitioner', { produced: { partitioner: untyped(late) } }, 'the partitioner of sink returned a promise'],
    ['a headers function', { produced: { headers: untyped(late) } }, 'the headers function of sink returned a promise'],
    ['a topic extractor', { to: untyped(late) }, 'the topic extractor of sink returned a promise'],
    [
      'a serializer',
      { produced: { valueSerde: { serialize: untyped(late), deserialize: untyped(late) } } },
      'sink sink: its serde cannot serialise the value of a record for out: serialize() must return a Buffer or a string, not a Promise',
    ],
  ]

  it.each(cases)('returned by %s fails its record and is named', async (_what, steps, message) => {
    const app = await fed(through(steps))
    await app.drained('in')
    expect(app.records('out')).toEqual([])
    expect(letters(app).map(({ message, offset }) => [message, offset])).toEqual([
      [expect.stringContaining(message), '0'],
      [expect.stringContaining(message), '1'],
    ])
    await app.instance.close()
  })

  it('returned by process() fails its record, and nothing after its await has an effect', async () => {
    let goOn: () => void = () => undefined
    const gate = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const behind: unknown[] = []
    const builder = new StreamsBuilder()
    builder
      .stream<string, string>('in', TEXT)
      .process(
        () => {
          let context: ProcessorContext<string, string>
          return untyped({
            init: (given: ProcessorContext<string, string>) => {
              context = given
            },
            async process({ key, value, timestamp }: { key: string; value: string; timestamp: number }) {
              await gate
              try {
                context.forward(record(key, value, timestamp))
              } catch (error) {
                behind.push(error)
                throw error
              }
            },
          })
        },
        { name: 'slow' },
      )
      .to('out', TEXT)
    const app = await fed(builder.build().build({ applicationId: 'app' }))
    await app.drained('in')
    expect(letters(app).map(({ message }) => message)).toEqual([
      expect.stringContaining('process() of slow returned a promise'),
      expect.stringContaining('process() of slow returned a promise'),
    ])
    goOn()
    app.produce('in', 'a', 'more')
    await app.drained('in')
    expect(app.records('out')).toEqual([])
    expect(behind.every((error) => error instanceof UserCodeError)).toBe(true)
    expect(behind.length).toBeGreaterThanOrEqual(2)
    await app.instance.close()
  })
})
