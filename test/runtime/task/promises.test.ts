import { afterEach, expect, it } from 'vitest'
import { UserCodeError } from '../../../state/ports/errors.ts'
import type { KeyValueStore } from '../../../state/ports/stores.ts'
import {
  type KStream,
  type KTable,
  keyValueStore,
  type ProcessorContext,
  record,
  StreamsBuilder,
  serdes,
  sessionWindows,
  timeWindows,
} from '../../../topology/index.ts'
import { MemoryApp } from '../../support/memory-app.ts'

/*
 * Everything in a topology is synchronous: whatever answers a promise fails, by name of its node. No type lets these
 * functions through; a program without types does.
 */
const TEXT = { keySerde: serdes.string, valueSerde: serdes.string }
type Text = KStream<string, string>
type Rows = KTable<string, string>

const untyped = (value: unknown): never => value as never
const late = untyped(async () => true)

interface Sources {
  readonly builder: StreamsBuilder
  readonly stream: Text
  readonly rows: Rows
  readonly others: Rows
}

let app: MemoryApp
afterEach(() => app.instance.close())

async function started(define: (sources: Sources) => void): Promise<MemoryApp> {
  const builder = new StreamsBuilder()
  define({
    builder,
    stream: builder.stream<string, string>('in', TEXT),
    rows: builder.table<string, string>('rows', TEXT),
    others: builder.table<string, string>('others', TEXT),
  })
  const dead = 'dead-letter' as const
  app = new MemoryApp({
    plan: builder.build().build({ applicationId: 'app' }),
    topics: { in: 1, rows: 1, others: 1, global: 1, out: 1, 'app-fk-subscription-registration-topic': 1 },
    config: { processingExceptionHandler: dead, productionExceptionHandler: dead },
  })
  app.produce('global', 'a', 'all')
  app.produce('others', 'a', 'other')
  app.produce('rows', 'a', 'row')
  app.produce('in', 'a', 'one', { timestamp: 1 })
  await app.start()
  return app
}

/** The messages of the dead letters, each once. */
function messages(): string[] {
  const found = app.records(app.deadLetterTopic).flatMap(({ headers }) => [...headers])
  return [...new Set(found.filter(({ key }) => key === '__streams.errors.message').map(({ value }) => String(value)))]
}

const joiner = late
const cases: readonly [string, (sources: Sources) => void, string][] = [
  ['filter', ({ stream }) => stream.filter(late, { name: 'node' }).to('out'), 'the predicate of node'],
  [
    'a branch',
    ({ stream }) => stream.split({ name: 'node' }).branch(late).noDefaultBranch().get('node1')?.to('out'),
    'the predicate of node',
  ],
  ['peek', ({ stream }) => stream.peek(late, { name: 'node' }).to('out'), 'the action of node'],
  ['forEach', ({ stream }) => stream.forEach(late, { name: 'node' }), 'the action of node'],
  ['selectKey', ({ stream }) => stream.selectKey(late, { name: 'node' }).to('out', TEXT), 'a function of node'],
  ['map', ({ stream }) => stream.map(late, { name: 'node' }).to('out', TEXT), 'the mapper of node'],
  ['flatMapValues', ({ stream }) => stream.flatMapValues(late, { name: 'node' }).to('out', TEXT), 'the mapper of node'],
  [
    'an initializer',
    ({ stream }) =>
      void stream
        .groupByKey()
        .aggregate({ initializer: late, aggregator: () => 'x', materialized: { name: 'sums', ...TEXT } }),
    'the initializer',
  ],
  [
    'a windowed initializer',
    ({ stream }) =>
      void stream
        .groupByKey()
        .windowedBy(timeWindows({ sizeMs: 10 }))
        .aggregate({ initializer: late, aggregator: () => 'x', materialized: { name: 'sums', ...TEXT } }),
    'the initializer',
  ],
  [
    'an aggregator',
    ({ stream }) =>
      void stream
        .groupByKey()
        .aggregate({ initializer: () => '', aggregator: late, materialized: { name: 'sums', ...TEXT } }),
    'the function that makes the values of store sums',
  ],
  [
    'a merger of sessions',
    ({ stream }) =>
      void stream
        .groupByKey()
        .windowedBySession(sessionWindows({ inactivityGapMs: 5 }))
        .aggregate({ initializer: () => '', aggregator: late, merger: late, materialized: { name: 'sums', ...TEXT } }),
    'the function that makes the values of store sums',
  ],
  [
    'filter of a table',
    ({ rows }) => rows.filter(late, { name: 'node' }).toStream().to('out'),
    'the predicate of node',
  ],
  [
    'mapValues of a table without a store',
    ({ rows }) =>
      rows
        .mapValues(late, { name: 'node' })
        .filter(() => true)
        .toStream()
        .to('out', TEXT),
    'the mapper of node',
  ],
  [
    'transformValues of a table without a store',
    ({ rows }) =>
      rows
        .transformValues(() => ({ transform: late }), { name: 'node' })
        .toStream()
        .to('out', TEXT),
    'transform() of node',
  ],
  [
    'mapValues of a table that a join reads',
    ({ stream, rows }) =>
      stream.joinTable(rows.mapValues(late, { name: 'node' }), { joiner: () => 'x', name: 'join' }).to('out', TEXT),
    'the mapper of node',
  ],
  [
    'groupBy of a table',
    ({ rows }) => void rows.groupBy(late, { name: 'node', ...TEXT }).count(),
    'the selector of node',
  ],
  [
    'the joiner of a stream and a table',
    ({ stream, rows }) => stream.joinTable(rows, { joiner, name: 'node' }).to('out', TEXT),
    'a function of node',
  ],
  [
    'the joiner of two tables',
    ({ rows, others }) => rows.join(others, { joiner, name: 'node' }).toStream().to('out', TEXT),
    'the joiner of node',
  ],
  [
    'a foreignKeyExtractor',
    ({ rows, others }) =>
      void rows.joinOnForeignKey(others, { foreignKeyExtractor: late, joiner: () => 'x', name: 'fk' }),
    'the foreignKeyExtractor of fk-subscription-registration-processor',
  ],
  [
    'a keySelector',
    ({ builder, stream }) =>
      stream
        .joinGlobal(builder.globalTable<string, string>('global', TEXT), {
          keySelector: late,
          joiner: () => 'x',
          name: 'node',
        })
        .to('out', TEXT),
    'the keySelector of node',
  ],
]

it.each(cases)('a promise returned by %s fails its record and is named', async (_what, define, who) => {
  await started(define)
  await app.time.until('dead letters', () => messages().length > 0)
  const told = `${who} returned a promise: everything in a topology is synchronous`
  expect(messages().filter((message) => !message.includes(told))).toEqual([])
  expect(app.records('out')).toEqual([])
})

const noop = (): void => undefined
const starts: readonly [string, (sources: Sources) => void, string][] = [
  [
    'init()',
    ({ stream }) => void stream.process(() => ({ init: late, process: noop }), { name: 'node' }),
    'init() of node',
  ],
  [
    'init() of processValues',
    ({ stream }) => void stream.processValues(() => ({ init: late, process: noop }), { name: 'node' }),
    'init() of node',
  ],
  [
    'init() of a transformer',
    ({ rows }) => void rows.transformValues(() => ({ init: late, transform: () => 'x' }), { name: 'node' }),
    'init() of node',
  ],
]

it.each(starts)(
  'a promise returned by %s stops the instance and is named',
  async (_what, define, who) => {
    await started(define)
    const error = await app.instance.stopped
    expect(String(error)).toContain(`${who} returned a promise`)
  },
  20_000,
)

it.each(['process', 'transformValues'] as const)(
  'a promise returned by close() of %s is reported when the task closes',
  async (kind) => {
    await started(({ stream, rows }) => {
      if (kind === 'process') stream.process(() => ({ process: noop, close: late }), { name: 'node' })
      else rows.transformValues(() => ({ transform: () => 'x', close: late }), { name: 'node' })
    })
    await app.drained('in')
    const closing = app.instance.close()
    await expect(Promise.all([closing, app.instance.stopped]).catch((error) => error)).resolves.toBeDefined()
    expect(app.recovered.map(String)).toEqual([expect.stringContaining('close() of node returned a promise')])
  },
)

it.each(['stream-time', 'wall-clock-time'] as const)(
  'a promise returned by a punctuator stops the instance, %s',
  async (type) => {
    await started(({ stream }) => {
      stream.process(
        () => ({ init: (context: ProcessorContext) => void context.schedule(1, type, late), process: noop }),
        { name: 'node' },
      )
    })
    if (type === 'wall-clock-time') await app.time.pass(1000)
    const error = await app.instance.stopped
    expect(String(error)).toMatch(/node failed in its punctuator at \d+: it returned a promise/)
  },
)

it('a store refuses a write after an await, and keeps its rows', async () => {
  const outcomes: unknown[] = []
  let goOn: () => void = noop
  const gate = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const writeLate = async (store: KeyValueStore<string, string>, value: string): Promise<void> => {
    await gate
    try {
      store.put('a', value)
      outcomes.push('written')
    } catch (error) {
      outcomes.push(error)
    }
  }
  await started(({ builder, stream }) => {
    builder.addStateStore(keyValueStore({ name: 'seen', ...TEXT }))
    stream
      .process<string, string>(
        () => {
          let context: ProcessorContext<string, string>
          let store: KeyValueStore<string, string>
          return {
            init(given) {
              context = given
              store = given.store('seen')
              store.put('first', 'of init')
            },
            process({ key, value, timestamp }) {
              if (value === 'one') outcomes.push(writeLate(store, value))
              context.forward(record(key, `${store.get('a')} ${store.get('first')}`, timestamp))
            },
          }
        },
        { name: 'node', stores: ['seen'] },
      )
      .to('out', TEXT)
  })
  await app.drained('in')
  goOn()
  await outcomes[0]
  app.produce('in', 'a', 'two', { timestamp: 2 })
  await app.drained('in')
  expect(outcomes[1]).toBeInstanceOf(UserCodeError)
  expect(String(outcomes[1])).toContain('task 0_0: a store was written while no record was being processed')
  expect(app.lines('out')).toEqual(['a=null of init', 'a=null of init'])
})
