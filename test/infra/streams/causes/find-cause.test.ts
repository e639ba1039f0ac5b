import { beforeAll, describe, expect, it } from 'vitest'
import type { Step, Visit } from '../../../../infra/streams/causes/index.ts'
import { StoreCorruptedError } from '../../../../state/ports/errors.ts'
import {
  joinWindows,
  type KeyValueStore,
  type KStream,
  keyValueStore,
  type Plan,
  type ProcessorContext,
  StreamsBuilder,
  serdes,
  timeWindows,
} from '../../../../topology/index.ts'
import { causeOf as ask, LETTING_GO, ranOver } from '../../../support/asked-causes.ts'
import { MemoryApp } from '../../../support/memory-app.ts'

/*
 * An application runs on the in-memory cluster, and its records are asked about: what is found is compared with what was sent.
 */

type Stream = KStream<string, string>

function planOf(build: (lines: Stream, builder: StreamsBuilder) => void, applicationId = 'app'): Plan {
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
  build(builder.stream<string, string>('in'), builder)
  return builder.build().build({ applicationId })
}

type Sent = readonly [key: string | null, value: string, timestamp: number, partition?: number]

const run = (plan: Plan, input: readonly Sent[], topics: Readonly<Record<string, number>>): Promise<MemoryApp> =>
  ranOver(
    plan,
    input.map(([key, value, timestamp, partition = 0]) => ({ topic: 'in', key, value, timestamp, partition })),
    topics,
  )

const placeOf = (at: { topic: string; partition: number; offset: number | null } | null | undefined): string =>
  `${at?.topic}:${at?.partition}:${at?.offset}`

/** A visit as one line, with those below it. */
function tree(visits: readonly Visit[]): unknown[] {
  return visits.map(({ operator, key, value, visits: inner }) => [
    `${operator.replace(/^(KSTREAM|KTABLE)-/, '').replace(/-?\d{10}$/, '')} ${key}=${JSON.stringify(value)}`,
    ...tree(inner),
  ])
}

const rowsOf = (step: Step | undefined): unknown =>
  step?.rows.map(({ store, key, before, after, isWritten }) => [store, key, before, after, isWritten])

const count = (lines: Stream): void =>
  lines
    .flatMapValues((line) => line.split(' '))
    .groupBy((_key, word) => word, { name: 'words' })
    .count({ materialized: { name: 'counts' } })
    .toStream()
    .mapValues(String)
    .to('out')

describe('a chain across a repartition topic', () => {
  const plan = planOf(count)
  const input: Sent[] = [
    ['k', 'tea coffee', 10],
    ['k', 'tea', 20, 1],
    [null, 'milk tea', 30],
    ['k', 'tea tea', 40, 1],
  ]
  let app: MemoryApp

  beforeAll(async () => {
    app = await run(plan, input, { in: 2, out: 1 })
  })

  it('names the input record of each output, and what each step had before it', async () => {
    const found: unknown[] = []
    for (const { offset, key, value } of app.records('out')) {
      const cause = await ask(app, plan, `out:0:${offset}`)
      const last = cause.chain?.steps[cause.path.at(-1) ?? 0]
      found.push([`${key}=${value}`, cause.how, placeOf(cause.input), rowsOf(last)])
    }
    const row = (word: string, before: number | null, after: number, time: number, earlier = 10) => [
      [
        'counts',
        word,
        before === null ? null : { value: before, timestamp: earlier },
        { value: after, timestamp: time },
        true,
      ],
    ]
    expect(found).toContainEqual(['coffee=1', 'same', 'in:0:0', row('coffee', null, 1, 10)])
    expect(found).toContainEqual(['milk=1', 'same', 'in:0:1', row('milk', null, 1, 30)])
    expect(found).toContainEqual(['tea=5', 'same', 'in:1:1', row('tea', 4, 5, 40, 40)])
    expect(found).toHaveLength(app.records('out').length)
  })

  it('shows the operators of each step with their values, and the record that was asked about', async () => {
    const offset = app.records('out').find(({ key }) => String(key) === 'coffee')?.offset
    const { chain, path, record, role, processed } = await ask(app, plan, `out:0:${offset}`)
    expect([role, record.key, record.value, path, processed]).toEqual(['output', 'coffee', '1', [0, 2], 1])
    const [first, , second] = chain?.steps ?? []
    expect([first?.taskId, second?.taskId, second?.from]).toEqual(['0_0', expect.stringMatching(/^1_/), 0])
    expect(tree(first?.visits ?? [])).toEqual([
      [
        'FLATMAPVALUES k="tea coffee"',
        ['words k="tea"', ['words-repartition-filter tea="tea"']],
        ['words k="coffee"', ['words-repartition-filter coffee="coffee"']],
      ],
    ])
    const written = (second?.visits ?? []).flatMap(function wrote(visit: Visit): Visit['wrote'] {
      return [...visit.wrote, ...visit.visits.flatMap(wrote)]
    })
    expect(written).toMatchObject([{ topic: 'out', key: 'coffee', value: '1', isAskedFor: true }])
  })

  it('shows all that followed from an input record', async () => {
    const { how, chain, path } = await ask(app, plan, 'in:1:1')
    expect([how, path]).toEqual(['is-input', [0, 1, 2]])
    expect(chain?.steps.map(rowsOf)).toEqual([
      [],
      [['counts', 'tea', { value: 3, timestamp: 30 }, { value: 4, timestamp: 40 }, true]],
      [['counts', 'tea', { value: 4, timestamp: 40 }, { value: 5, timestamp: 40 }, true]],
    ])
  })
})

/** Adds up per key, and refuses what it cannot read. */
const sums = (parse: (text: string) => number) => (lines: Stream, builder: StreamsBuilder) => {
  builder.addStateStore(keyValueStore({ name: 'sums', keySerde: serdes.string, valueSerde: serdes.float64 }))
  lines
    .process<string, string>(
      () => {
        let rows: KeyValueStore<string, number>
        let context: ProcessorContext<string, string>
        return {
          init(given) {
            context = given
            rows = given.store('sums')
          },
          process(given) {
            const before = rows.get(given.key) ?? 0
            rows.put(given.key, before + 1000)
            const sum = before + parse(given.value)
            rows.put(given.key, sum)
            context.forward({ ...given, value: String(sum) })
          },
        }
      },
      { name: 'add', stores: ['sums'] },
    )
    .to('out')
}

const strict = (text: string): number => {
  const number = Number(text)
  if (Number.isNaN(number)) throw new RangeError(`${text} is no number`)
  return number
}

describe('a dead letter', () => {
  const plan = planOf(sums(strict))
  let app: MemoryApp

  beforeAll(async () => {
    app = await run(
      plan,
      [
        ['a', '1', 10],
        ['a', 'x', 20],
        ['a', '2', 30],
        ['a', 'y', 40],
        ['b', '5', 35, 1],
        ['a', '4', 50],
      ],
      { in: 2, out: 1 },
    )
  })

  it('shows the record that died, what threw, and the stores as they stayed', async () => {
    const [first, second] = app.records('app.dlq')
    const cause = await ask(app, plan, `app.dlq:0:${second?.offset}`)
    expect([
      String(first?.value),
      cause.record.value,
      cause.role,
      cause.how,
      placeOf(cause.input),
      cause.processed,
    ]).toEqual(['x', 'y', 'dead-letter', 'named', 'in:0:3', 4])
    expect(cause.death).toEqual({ reason: 'exception', exception: 'RangeError', message: 'y is no number' })
    const [step] = cause.chain?.steps ?? []
    expect(step?.error).toContain('y is no number')
    expect(step?.visits).toMatchObject([{ operator: 'add', key: 'a', value: 'y', error: 'y is no number', visits: [] }])
    expect(step?.visits[0]?.accesses.map(({ did, before, after }) => [did, before, after])).toEqual([
      ['read', 3, 3],
      ['wrote', 3, 1003],
    ])
    expect(rowsOf(step)).toEqual([['sums', 'a', 3, 3, false]])
    expect(step?.wrote).toMatchObject([{ topic: 'app.dlq', value: 'y', isAskedFor: true }])
  })

  it('code that is fixed shows what it would have done', async () => {
    const fixed = planOf(sums((text) => (Number.isNaN(Number(text)) ? 100 : Number(text))))
    const [, second] = app.records('app.dlq')
    const { how, chain } = await ask(app, fixed, `app.dlq:0:${second?.offset}`)
    const [step] = chain?.steps ?? []
    expect([how, step?.error, rowsOf(step)]).toEqual(['named', null, [['sums', 'a', 103, 203, true]]])
    expect(step?.visits[0]?.wrote).toMatchObject([{ topic: 'out', key: 'a', value: '203' }])
  })

  it('an output that fixed code would have written with another value is found by key and time', async () => {
    const doubled = planOf(sums((text) => 2 * strict(text)))
    const last = app.records('out').find(({ value }) => String(value) === '3')
    const { how, input, chain, path, record } = await ask(app, doubled, `out:0:${last?.offset}`)
    expect([how, placeOf(input), record.value, path]).toEqual(['other-value', 'in:0:2', '3', [0]])
    expect(chain?.steps[0]?.visits[0]?.wrote).toMatchObject([{ value: '6', isAskedFor: true }])
  })

  it('a handler that says fail stops nothing, but a function that does ends the search', async () => {
    const passed = await ask(app, plan, 'in:0:2', { processingExceptionHandler: 'fail' })
    expect(rowsOf(passed.chain?.steps[0])).toEqual([['sums', 'a', 1, 3, true]])
    const stops = { processingExceptionHandler: () => 'fail' as const }
    const { chain, how } = await ask(app, plan, 'in:0:1', stops)
    expect([how, chain?.steps.map(({ error }) => error)]).toEqual([
      'is-input',
      [expect.stringContaining('x is no number')],
    ])
    await expect(ask(app, plan, 'in:0:2', stops)).rejects.toThrow('x is no number')
  })

  it('a record of another value is no answer when the search ended before all was processed', async () => {
    const doubled = planOf(sums((text) => 2 * strict(text)))
    const stops = { processingExceptionHandler: () => 'fail' as const }
    const first = app.records('out').find(({ value }) => String(value) === '1')
    await expect(ask(app, doubled, `out:0:${first?.offset}`, stops)).rejects.toThrow('x is no number')
  })

  it('an error that is not the fault of the record is thrown, and is no step of its chain', async () => {
    const damaged = planOf(
      sums(() => {
        throw new StoreCorruptedError('0_0', 'sums', 'a block is damaged')
      }),
    )
    await expect(ask(app, damaged, 'in:0:0')).rejects.toThrow(StoreCorruptedError)
  })
})

it('a dead letter of a repartition record shows the way to it', async () => {
  const plan = planOf((lines) =>
    lines
      .selectKey((_key, value) => value.slice(0, 1))
      .repartition({ name: 'letters' })
      .mapValues((value) => String(strict(value.slice(1))))
      .to('out'),
  )
  const app = await run(
    plan,
    [
      ['k', 'a1', 10],
      ['k', 'bx', 20, 1],
      ['k', 'a2', 30],
      ['k', 'bx', 40],
    ],
    { in: 2, out: 1 },
  )
  const letters = app.records('app.dlq')
  const found: unknown[] = []
  for (const { offset } of letters) {
    const { how, input, path, chain } = await ask(app, plan, `app.dlq:0:${offset}`)
    found.push([how, placeOf(input), input?.timestamp, path, chain?.steps[1]?.error])
  }
  const places = new Map([
    [20, 'in:1:0'],
    [40, 'in:0:2'],
  ])
  const refused = expect.stringContaining('x is no number')
  expect(found).toEqual(letters.map(({ timestamp }) => ['same', places.get(timestamp), timestamp, [0, 1], refused]))
  const fixed = planOf((lines) =>
    lines
      .selectKey((_key, value) => value.slice(0, 1))
      .repartition({ name: 'letters' })
      .to('out'),
  )
  const { chain, path, how } = await ask(app, fixed, `app.dlq:0:${letters[0]?.offset}`)
  expect([how, path, chain?.steps[1]?.wrote]).toEqual([
    'read-again',
    [0, 1],
    [expect.objectContaining({ topic: 'out', key: 'b', value: 'bx' })],
  ])
})

it('a record that makes a node behind a cache throw leaves nothing in the stores', async () => {
  const plan = planOf((lines) =>
    lines
      .groupByKey()
      .count({ materialized: { name: 'counts' } })
      .toStream()
      .mapValues((count, key) => {
        if (key === 'bad') throw new RangeError('refused behind the cache')
        return String(count)
      })
      .to('out'),
  )
  const input: Sent[] = [
    ['a', '1', 10],
    ['bad', '2', 20],
    ['a', '3', 30],
    ['bad', '4', 40],
  ]
  const app = await run(plan, input, { in: 1, out: 1 })
  const [, second] = app.records('app.dlq')
  const { how, input: cause, chain } = await ask(app, plan, `app.dlq:0:${second?.offset}`)
  expect([how, placeOf(cause), rowsOf(chain?.steps[0])]).toEqual([
    'named',
    'in:0:3',
    [['counts', 'bad', null, null, false]],
  ])
  expect(chain?.steps[0]?.error).toContain('refused behind the cache')
  expect(chain?.steps[0]?.wrote).toMatchObject([{ topic: 'app.dlq', key: 'bad', value: '4', isAskedFor: true }])
})

it('a task that a record made throw goes on as of the step before, with what both sides of a join share', async () => {
  const plan = planOf((lines, builder) => {
    const joiner = (left: string, right: string | null): string => {
      if (right === 'bad') throw new RangeError('refused')
      return `${left}+${right}`
    }
    lines
      .leftJoin(builder.stream<string, string>('right'), { joiner, windows: joinWindows({ timeDifferenceMs: 15 }) })
      .to('out')
  })
  const sent = (topic: string, key: string, value: string, timestamp: number) => ({ topic, key, value, timestamp })
  const input = [
    sent('in', 'a', '1', 100),
    sent('in', 'c', '2', 110),
    // It closes the window of a, and then throws.
    sent('right', 'c', 'bad', 120),
    sent('in', 'd', '3', 121),
    sent('in', 'e', '4', 130),
  ]
  const app = await ranOver(plan, input, { in: 1, right: 1, out: 1 })
  const found: unknown[] = []
  for (const { offset, value } of app.records('out')) {
    const { how, input: cause } = await ask(app, plan, `out:0:${offset}`)
    found.push([String(value), how, placeOf(cause)])
  }
  expect(found).toEqual([
    ['1+null', 'same', 'in:0:2'],
    ['2+null', 'same', 'in:0:3'],
  ])
})

it('what reads a global table sees the rows of now, and what fills one is refused', async () => {
  const plan = planOf((lines, builder) => {
    const names = builder.globalTable<string, string>('names', { materialized: { name: 'by-key' } })
    lines.joinGlobal(names, { keySelector: (key) => key, joiner: (a, b) => `${a}${b}` }).to('out')
    builder.stream<string, string>('plain').to('copy')
  })
  const record = { key: 'k', value: 'v', timestamp: 10 }
  const topics = { in: 1, names: 1, out: 1, plain: 1, copy: 1 }
  const sent = ['names', 'in', 'plain'].map((topic) => ({ topic, ...record }))
  const app = await ranOver(plan, sent, topics)
  const copied = await ask(app, plan, 'copy:0:0')
  expect([copied.how, placeOf(copied.input), copied.globalTables]).toEqual(['same', 'plain:0:0', []])
  const joined = await ask(app, plan, 'out:0:0')
  expect([joined.how, placeOf(joined.input), joined.globalTables]).toEqual(['same', 'in:0:0', ['by-key']])
  expect(rowsOf(joined.chain?.steps[0])).toEqual([
    ['by-key', 'k', { value: 'v', timestamp: 10 }, { value: 'v', timestamp: 10 }, false],
  ])
  app.produce('names', 'k', 'w', { timestamp: 20 })
  const changed = await ask(app, plan, 'out:0:0')
  const [written] = changed.chain?.steps[0]?.visits[0]?.wrote ?? []
  expect([changed.how, written?.value, changed.globalTables]).toEqual(['other-value', 'vw', ['by-key']])
  await expect(ask(app, plan, 'names:0:0')).rejects.toThrow('names fills a global table')
})

it('a search that cannot begin leaves no connection open', async () => {
  const planWith = (init: () => void): Plan =>
    planOf((lines, builder) => {
      builder.globalTable<string, string>('names', { materialized: { name: 'by-key' } })
      lines.process(() => ({ init, process: () => undefined }))
    })
  const sent = ['names', 'in'].map((topic) => ({ topic, key: 'k', value: 'v', timestamp: 10 }))
  const app = await ranOver(
    planWith(() => undefined),
    sent,
    { in: 1, names: 1 },
  )
  const failing = planWith(() => {
    throw new Error('no such file')
  })
  // causeOf() counts them.
  await expect(ask(app, failing, 'in:0:0')).rejects.toThrow('no such file')
})

it('says where the order of records is not that of the log, and which wall-clock punctuators did not fire', async () => {
  const plan = planOf((lines) => {
    lines.to('plain')
    lines
      .process<string, string>(
        () => ({
          init: (context) => void context.schedule(1000, 'wall-clock-time', () => undefined),
          process: () => undefined,
        }),
        { name: 'ticking' },
      )
      .to('out')
    count(lines)
  })
  const app = await run(
    plan,
    [
      ['k', 'tea', 10],
      ['k', 'milk', 20, 1],
    ],
    { in: 2, out: 1, plain: 1 },
  )
  const limits = async (place: string) => {
    const { order, clocks, globalTables, missingAnswers } = await ask(app, plan, place)
    return { order, clocks, globalTables, missingAnswers }
  }
  const none = { globalTables: [], missingAnswers: [] }
  expect(await limits('plain:0:0')).toEqual({ order: 'log', clocks: ['ticking'], ...none })
  expect(await limits('out:0:0')).toEqual({ order: 'timestamps', clocks: ['ticking'], ...none })
})

it('of equal outputs each has the input record at its own place', async () => {
  const plan = planOf((lines) => lines.mapValues((value) => value.toUpperCase()).to('out'))
  const app = await run(
    plan,
    [
      ['k', 'tea', 10],
      ['k', 'tea', 10],
      ['k', 'Tea', 20],
      ['k', 'tea', 10],
    ],
    { in: 1, out: 1 },
  )
  const found: unknown[] = []
  for (const { offset } of app.records('out')) {
    const { input, alike } = await ask(app, plan, `out:0:${offset}`)
    found.push([placeOf(input), alike?.number])
  }
  expect(found).toEqual([
    ['in:0:0', 1],
    ['in:0:1', 2],
    ['in:0:2', 1],
    ['in:0:3', 3],
  ])
})

it('a changelog row and a repartition record have a cause, too', async () => {
  const plan = planOf(count)
  const app = await run(
    plan,
    [
      ['k', 'tea', 10],
      ['k', 'tea', 20],
    ],
    { in: 1, out: 1 },
  )
  const [row] = app.records('app-counts-changelog').slice(-1)
  const ofRow = await ask(app, plan, `app-counts-changelog:0:${row?.offset}`)
  expect([ofRow.role, ofRow.how, placeOf(ofRow.input), ofRow.path]).toEqual(['changelog', 'same', 'in:0:1', [0, 1]])
  const [, second] = app.records('app-words-repartition')
  const ofWord = await ask(app, plan, `app-words-repartition:0:${second?.offset}`)
  expect([ofWord.role, placeOf(ofWord.input), ofWord.path]).toEqual(['repartition', 'in:0:1', [0]])
})

it('an invalid record is shown as bytes, with what is wrong with it', async () => {
  const plan = planOf((_lines, builder) =>
    builder
      .stream<string, unknown>('json', { valueSerde: serdes.json<unknown>() })
      .to('out', { valueSerde: serdes.json<unknown>() }),
  )
  const app = new MemoryApp({ plan, topics: { in: 1, json: 1, out: 1 }, config: LETTING_GO })
  app.produce('json', 'k', '{"a":1}')
  app.produce('json', 'k', '{"a":')
  await app.start()
  await app.drained('json')
  await app.instance.close()
  const { chain, input, how } = await ask(app, plan, 'app.dlq:0:0')
  expect([how, placeOf(input), input?.value, chain?.steps[0]?.visits]).toEqual(['named', 'json:0:1', '{"a":', []])
  expect(chain?.steps[0]?.error).toMatch(/cannot deserialise|JSON/)
  const { input: valid } = await ask(app, plan, 'out:0:0')
  expect(valid?.value).toEqual({ a: 1 })
})

it('a window that closes is caused by the record that lets the time pass', async () => {
  const plan = planOf((lines) =>
    lines
      .groupByKey()
      .windowedBy(timeWindows({ sizeMs: 100, graceMs: 0 }))
      .count({ materialized: { name: 'minutes' } })
      .suppress({ until: 'window-closes' })
      .toStream()
      .selectKey(({ key }) => key)
      .mapValues(String)
      .to('out'),
  )
  const app = await run(
    plan,
    [
      ['a', 'x', 10],
      ['a', 'y', 20],
      ['b', 'z', 150],
    ],
    { in: 1, out: 1 },
  )
  const { how, input, chain } = await ask(app, plan, 'out:0:0')
  expect([how, placeOf(input)]).toEqual(['same', 'in:0:2'])
  expect(rowsOf(chain?.steps[0])).toContainEqual([
    'minutes',
    { key: 'b', windowStart: 100 },
    null,
    { value: 1, timestamp: 150 },
    true,
  ])
})

describe('what cannot be answered is said', () => {
  const plan = planOf((lines) => lines.to('out'))
  let app: MemoryApp

  beforeAll(async () => {
    app = await run(
      plan,
      [
        ['a', '1', 10],
        ['a', '2', 20],
      ],
      { in: 1, out: 1, other: 1 },
    )
    app.produce('out', 'a', 'by hand', { timestamp: 20 })
    app.produce('out', 'nobody', 'by hand', { timestamp: 99 })
  })

  it.each([
    ['other:0:0', 'app neither reads nor writes other; its topics are in, out, app.dlq'],
    ['in:0:7', 'there is no record at offset 7 of in-0: the next one will be at 2'],
    ['in:3:0', 'there is no record at offset 0 of in-3: it has 1 partition'],
  ])('%s', async (place, message) => {
    await expect(ask(app, plan, place)).rejects.toThrow(message)
  })

  it('no input gives the record', async () => {
    const end = app.cluster.log({ topic: 'out', partition: 0 }).highWatermark
    const { how, chain, processed } = await ask(app, plan, `out:0:${end - 1}`)
    expect([how, chain, processed]).toEqual([null, null, 2])
    const other = await ask(app, plan, `out:0:${end - 2}`)
    expect([other.how, placeOf(other.input)]).toEqual(['other-value', 'in:0:1'])
  })

  it('input that is gone', async () => {
    await app.admin.deleteRecords([{ topic: 'in', partition: 0, offset: 1 }])
    const { gone, how } = await ask(app, plan, 'in:0:1')
    expect([how, gone]).toEqual(['is-input', [{ topic: 'in', partition: 0, below: 1 }]])
    await expect(ask(app, plan, 'in:0:0')).rejects.toThrow('the first one is at 1, older ones are removed')
  })
})
