import { describe, expect, it } from 'vitest'
import type { StreamsConfig } from '../../../runtime/instance/streams-config.ts'
import { StreamsBuilder } from '../../../topology/index.ts'
import type { Plan } from '../../../topology/plan.ts'
import { record } from '../../../topology/record.ts'
import { stringSerde } from '../../../topology/serdes.ts'
import { Topology } from '../../../topology/topology.ts'
import { countingPlan } from '../../support/counting-plan.ts'
import { MemoryApp, type MemoryAppOptions } from '../../support/memory-app.ts'

const MAX = 20
const LARGE = 'x'.repeat(MAX)
const TEXT = { keySerde: stringSerde, valueSerde: stringSerde }

/** Writes each value to `out` under the key `echo`, between the change of the store and the count. */
const echoing = (): Plan =>
  countingPlan({ onRecord: (value, context) => context.forward(record('echo', value, 0) as never) })

/** Collects all values under each key as one text; the table is flushed at the commit. */
function sayings(): Plan {
  const builder = new StreamsBuilder()
  builder
    .stream<string, string>('in', TEXT)
    .groupByKey()
    .reduce((before, value) => before + value, { materialized: { name: 'said' } })
    .toStream()
    .to('out', TEXT)
  return builder.build().build({ applicationId: 'app' })
}

async function appOf(plan: Plan, options: Partial<MemoryAppOptions> = {}): Promise<MemoryApp> {
  const app = new MemoryApp({
    plan,
    topics: { in: 1, out: 1 },
    maxMessageBytes: { out: MAX },
    ...options,
    config: { productionExceptionHandler: 'dead-letter', ...options.config },
  })
  await app.start()
  await app.drained('in')
  return app
}

const headerOf = (app: MemoryApp, name: string): (string | undefined)[] =>
  app
    .records(app.deadLetterTopic)
    .map(({ headers }) => [...headers].find(({ key }) => key === `__streams.errors.${name}`)?.value?.toString())

describe('output larger than its topic allows', () => {
  it('stops the instance under fail, and the error names the record behind it', async () => {
    const app = await appOf(echoing(), { config: { productionExceptionHandler: 'fail' } })
    for (const value of ['one', LARGE]) app.produce('in', 'a', value)
    await app.time.until('stopped', () => app.instance.state() === 'ERROR')
    expect(await app.instance.stopped).toMatchObject({
      code: 'RECORD_FAILED',
      message:
        'task 0_0 failed in sink at offset 1 of in-0: a record for out has 24 bytes, more than its max.message.bytes of 20',
    })
    expect(app.lines('out')).toEqual([])
  })

  it('fails only the record behind it, with all its effects, under dead-letter', async () => {
    const app = await appOf(echoing())
    for (const value of ['one', LARGE, 'two']) app.produce('in', 'a', value)
    await app.drained('in')
    expect(app.lines('out')).toEqual(['echo=one', 'a=1', 'echo=two', 'a=2'])
    expect(app.lines(app.deadLetterTopic)).toEqual([`a=${LARGE}`])
    expect([headerOf(app, 'exception'), headerOf(app, 'offset')]).toEqual([['RecordTooLargeError'], ['1']])
    expect(await app.metric('dead_letters_total')).toBe(1)
    await app.instance.close()
    expect(await app.instance.stopped).toBeNull()
  })

  it('is counted under continue', async () => {
    const app = await appOf(echoing(), { config: { productionExceptionHandler: 'continue' } })
    for (const value of ['one', LARGE, 'two']) app.produce('in', 'a', value)
    await app.drained('in')
    expect(app.lines('out')).toEqual(['echo=one', 'a=1', 'echo=two', 'a=2'])
    expect(app.lines(app.deadLetterTopic)).toEqual([])
    expect(await app.metric('dropped_records_total')).toBe(1)
    await app.instance.close()
  })

  it.each([
    ['exactly_once_v2', true],
    ['at_least_once', false],
  ] as const)('is found among many when only the broker knows the limit, %s', async (processingGuarantee, isExact) => {
    const app = await appOf(echoing(), { knowsLimits: false, config: { processingGuarantee } })
    const values = Array.from({ length: 300 }, (_, i) => (i === 40 || i === 41 || i === 299 ? LARGE : `v${i}`))
    for (const value of values) app.produce('in', 'a', value)
    await app.drained('in')
    const good = values.filter((value) => value !== LARGE)
    const expected = good.flatMap((value, i) => [`echo=${value}`, `a=${i + 1}`])
    if (isExact) expect(app.lines('out')).toEqual(expected)
    else expect(new Set(app.lines('out'))).toEqual(new Set(expected))
    expect(headerOf(app, 'offset')).toEqual(['40', '41', '299'])
    expect((await app.instance.get('counts', 'a')).result).toEqual({ value: 297, timestamp: 0 })
    // By halves, not one by one.
    expect(app.recovered.length).toBeLessThan(40)
    // And then at full size again.
    const { commits } = app.writer
    for (let i = 0; i < 300; i++) app.produce('in', 'a', 'x')
    await app.drained('in')
    expect(app.writer.commits - commits).toBeLessThan(12)
    await app.instance.close()
  })

  it.each([true, false])(
    'is found after a table that is flushed at the commit (limits known: %s)',
    async (knowsLimits) => {
      const app = await appOf(sayings(), { knowsLimits })
      for (const [key, value] of [
        ['a', '0123456789'],
        ['b', 'hello'],
        ['a', '9876543210'], // 21 bytes with the key: one too many
        ['a', 'ok'],
      ] as const) {
        app.produce('in', key, value)
      }
      await app.drained('in')
      expect((await app.instance.get('said', 'a')).result).toEqual({ value: '0123456789ok', timestamp: 0 })
      expect(
        app
          .lines('out')
          .filter((line) => line.startsWith('a'))
          .at(-1),
      ).toBe('a=0123456789ok')
      expect(app.lines(app.deadLetterTopic)).toEqual(['a=9876543210'])
      await app.instance.close()
    },
  )

  it('of a punctuator stops the instance without blaming a record', async () => {
    const plan = countingPlan({
      onInit: (context) =>
        context.schedule(1000, 'wall-clock-time', () => context.forward(record('tick', LARGE, 0) as never)),
    })
    for (const knowsLimits of [true, false]) {
      const app = await appOf(plan, { knowsLimits })
      for (let i = 0; i < 100; i++) app.produce('in', 'a', 'x')
      await app.time.until('stopped', () => app.instance.state() === 'ERROR')
      expect(await app.instance.stopped).toMatchObject({ topic: 'out' })
      expect(app.lines(app.deadLetterTopic)).toEqual([])
    }
  })
})

describe('a row larger than its changelog allows', () => {
  const start = async (knowsLimits: boolean, config: Partial<StreamsConfig>): Promise<MemoryApp> => {
    const app = new MemoryApp({ plan: sayings(), topics: { in: 1, out: 1 }, knowsLimits, config })
    await app.start()
    // A start raises the limit.
    app.cluster.changeTopicConfig('app-said-changelog', { 'max.message.bytes': '40' })
    return app
  }

  it.each([true, false])('fails its record with all its effects (limits known: %s)', async (knowsLimits) => {
    const app = await start(knowsLimits, { productionExceptionHandler: 'dead-letter' })
    for (const value of ['0', LARGE, LARGE, '1']) app.produce('in', 'a', value)
    app.produce('in', 'b', '2')
    await app.drained('in')
    expect((await app.instance.get('said', 'a')).result).toMatchObject({ value: `0${LARGE}1` })
    expect((await app.instance.get('said', 'b')).result).toMatchObject({ value: '2' })
    expect(app.lines(app.deadLetterTopic)).toEqual([`a=${LARGE}`])
    expect(headerOf(app, 'message')[0]).toContain('store said: ')
    await app.instance.close()
  })

  it.each([
    [true, 'store said: the row with the key "a" cannot be written to the changelog'],
    [false, 'store said: a row cannot be written to the changelog'],
  ])('stops the instance when the handler says so (limits known: %s)', async (knowsLimits, message) => {
    const app = await start(knowsLimits, { productionExceptionHandler: 'fail' })
    app.produce('in', 'a', LARGE)
    await app.drained('in')
    app.produce('in', 'a', LARGE)
    await app.time.until('stopped', () => app.instance.state() === 'ERROR')
    const failure = await app.instance.stopped
    expect(failure).toMatchObject({ code: 'CHANGELOG_REFUSED' })
    expect(failure?.message).toContain(message)
    expect(failure?.message).toContain('app-said-changelog')
    expect(app.committed('in')).toBe(1)
  })
})

describe('output that cannot be written for another reason', () => {
  it('comes from a serde that throws', async () => {
    const plan = new Topology()
      .addSource({ name: 'source', topics: ['in'], ...TEXT })
      .addSink({
        name: 'sink',
        parents: ['source'],
        topic: 'out',
        keySerde: stringSerde,
        valueSerde: {
          ...stringSerde,
          serialize: (topic, value) => {
            if (value === 'bad') throw new TypeError('no bytes for that')
            return stringSerde.serialize(topic, value)
          },
        },
      })
      .build({ applicationId: 'app' })
    const app = await appOf(plan)
    for (const value of ['x', 'bad', 'y']) app.produce('in', 'a', value)
    await app.drained('in')
    expect(app.lines('out')).toEqual(['a=x', 'a=y'])
    expect(headerOf(app, 'message')).toEqual([
      'sink sink: serde string cannot serialise the value of a record for out: no bytes for that',
    ])
    await app.instance.close()
  })

  it('comes from a topic that does not exist or has an invalid name', async () => {
    const plan = new Topology()
      .addSource({ name: 'source', topics: ['in'], ...TEXT })
      .addSink({ name: 'sink', parents: ['source'], topic: (_key, value) => String(value), ...TEXT })
      .build({ applicationId: 'app' })
    const app = await appOf(plan)
    for (const value of ['out', 'elsewhere', 'out', 'no/name', 'out']) app.produce('in', 'a', value)
    await app.drained('in')
    expect(app.lines('out')).toEqual(['a=out', 'a=out', 'a=out'])
    expect(headerOf(app, 'message')).toEqual([
      'output topic elsewhere does not exist',
      '"no/name" is not a valid topic name',
    ])
    await app.instance.close()
  })
})

describe('a dead letter larger than its topic allows', () => {
  const original = 'y'.repeat(5000)
  const failing = (): Plan =>
    countingPlan({
      onRecord: () => {
        throw new Error('planned')
      },
    })

  it.each([
    ['the beginning of its value', 'a', original, 'a', 'y'.repeat(100)],
    ['where the original is', original, 'value', 'null', 'null'],
  ])('is truncated to %s', async (_what, key, value, keptKey, keptValue) => {
    const app = await appOf(failing(), {
      maxMessageBytes: { 'app.dlq': 3000 },
      config: { processingExceptionHandler: 'dead-letter' },
    })
    app.produce('in', key, value)
    await app.drained('in')
    const [letter] = app.records(app.deadLetterTopic)
    expect(String(letter?.key)).toBe(keptKey)
    expect(String(letter?.value).slice(0, 100)).toBe(keptValue)
    expect(headerOf(app, 'cut.value.bytes')).toEqual([String(value.length)])
    expect(headerOf(app, 'offset')).toEqual(['0'])
    await app.instance.close()
  })

  it('even when truncated stops the instance', async () => {
    const app = await appOf(failing(), {
      maxMessageBytes: { 'app.dlq': 100 },
      config: { processingExceptionHandler: 'dead-letter' },
    })
    app.produce('in', 'a', original)
    await app.time.until('stopped', () => app.instance.state() === 'ERROR')
    expect(await app.instance.stopped).toMatchObject({ code: 'RECORD_TOO_LARGE', topic: 'app.dlq' })
  })
})
