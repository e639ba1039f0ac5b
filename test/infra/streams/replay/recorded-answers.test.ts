import { expect, it, onTestFinished } from 'vitest'
import { AnswerGoneError } from '../../../../infra/streams/replay/answer-log.ts'
import { type KStream, type Plan, StreamsBuilder, serdes } from '../../../../topology/index.ts'
import { causeOf, LETTING_GO } from '../../../support/asked-causes.ts'
import { MemoryApp } from '../../../support/memory-app.ts'
import { type ReplayOver, replayOver } from '../../../support/replay-over.ts'

/*
 * An application makes calls and records their answers. Whoever processes its input again gets these answers, and calls nobody.
 */

const ANSWERS = { serde: serdes.json<string>(), retentionMs: -1 }
const ANSWERS_TOPIC = 'app-ask-answers'

type Stream = KStream<string, string>

/** Numbers its answers: no second call about a record gets the same one. */
class Service {
  calls = 0
  readonly #held: (() => void)[] = []

  readonly ask = async (value: string): Promise<string> => {
    const number = ++this.calls
    if (value.startsWith('wait')) await new Promise<void>((go) => this.#held.push(go))
    if (value.startsWith('fail')) throw new Error('no such thing')
    return `${value.length} #${number}`
  }

  /** Answers what waits. */
  answer(): void {
    for (const go of this.#held.splice(0)) go()
  }
}

interface Run {
  readonly app: MemoryApp
  readonly plan: Plan
  readonly service: Service
  readonly replay: (acceptLoss?: boolean) => Promise<ReplayOver>
}

async function ran(
  values: readonly string[],
  outputs: number,
  build: (input: Stream, service: Service) => void,
): Promise<Run> {
  const service = new Service()
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
  build(builder.stream('in'), service)
  const plan = builder.build().build({ applicationId: 'app' })
  const app = new MemoryApp({ plan, topics: { in: 2, out: 1, totals: 1 }, config: LETTING_GO })
  await app.start()
  values.forEach((value, i) => {
    app.produce('in', `k${i % 4}`, value, { timestamp: 1000 + i, partition: i % 2 })
  })
  for (const partition of [0, 1]) await app.drained('in', partition)
  await app.time.until(`${outputs} outputs`, () => app.records('out').length >= outputs)
  await app.time.pass(500)
  onTestFinished(() => app.instance.close())
  const replay = async (acceptLoss = false): Promise<ReplayOver> => {
    const opened = await replayOver(app, plan, acceptLoss)
    onTestFinished(() => opened.close())
    return opened
  }
  return { app, plan, service, replay }
}

/** Answers have outputs, and a sum behind a repartition topic. */
const counted = (answered: Stream): void => {
  answered.to('out')
  answered
    .groupBy((_key, answer) => answer.split(' ')[0] ?? '')
    .count({ materialized: { name: 'lengths' } })
    .toStream()
    .mapValues(String)
    .to('totals')
}

const asking = (input: Stream, { ask }: Service): void =>
  counted(input.mapAsync(ask, { name: 'ask', answers: ANSWERS, retry: { attempts: 1 } }))

const NUMBERS = Array.from({ length: 20 }, (_, i) => 'x'.repeat(i % 6))

it('answers are written in the transaction of their effects, with the key and the time of their record', async () => {
  const { app } = await ran(['tea', 'fail'], 1, asking)
  const found = app
    .records(ANSWERS_TOPIC)
    .map(({ key, value, timestamp, headers }) => [
      ...[String(key), value === null ? null : String(value), timestamp],
      Array.from(headers, (header) => `${header.key}=${header.value}`),
    ])
  expect(found).toEqual([
    ['k0', '"3 #1"', 1000, ['__streams.call=in:0:0#0']],
    [
      ...['k1', null, 1001],
      [
        '__streams.call=in:1:0#0',
        '__streams.call.left-out=the call of ask failed once: no such thing',
        '__streams.call.dead-letter=1',
      ],
    ],
  ])
})

it('a replay reads recorded answers and makes no call: it finds no difference, and corrects a wrong output', async () => {
  const { app, service, replay } = await ran([...NUMBERS, 'fail', 'fail too'], 20, asking)
  const { calls } = service
  expect(await (await replay()).differences()).toEqual([])
  const [right] = app
    .records('out')
    .filter(({ key }) => String(key) === 'k3')
    .slice(-1)
  app.produce('out', 'k3', 'wrong')
  expect(await (await replay()).differences()).toEqual([`out k3=${right?.value}`])
  expect(service.calls).toBe(calls)
})

it('calls behind a repartition topic, calls about equal records, and calls behind calls find their answers', async () => {
  const { service, replay } = await ran([...NUMBERS, ...NUMBERS], 80, (input, { ask }) => {
    const again = input.selectKey((_key, value) => value).repartition({ name: 'again' })
    const first = again.flatMapAsync(async (value) => [await ask(value), 'same'], {
      ...{ name: 'ask', order: 'none' },
      answers: { serde: serdes.json<readonly string[]>(), retentionMs: -1 },
    })
    counted(first.mapAsync(ask, { name: 'then', answers: ANSWERS }))
  })
  const { calls } = service
  expect(await (await replay()).differences()).toEqual([])
  expect(service.calls).toBe(calls)
})

it('what waits for its answer still waits after a replay, and is answered in a later one', async () => {
  const { app, service, replay } = await ran(['a', 'wait', 'bc', 'wait too'], 2, asking)
  const { calls } = service
  const replayed = await replay()
  expect(await replayed.differences()).toEqual([])
  service.answer()
  await app.time.until('all outputs', () => app.records('out').length === 4)
  await app.time.pass(500)
  expect(await replayed.differences()).toEqual([])
  expect(service.calls).toBe(calls)
})

it('an answer that is not recorded any more ends a replay with one error, and is left out when the loss is accepted', async () => {
  const { app, service, replay } = await ran(['a', 'b', 'c'], 3, asking)
  const { calls } = service
  await app.admin.deleteRecords([{ topic: ANSWERS_TOPIC, partition: 0, offset: 1 }])
  const error: unknown = await (await replay()).differences().catch((found: unknown) => found)
  expect(error).toBeInstanceOf(AnswerGoneError)
  expect(String(error)).toContain('the answer that ask got about in:0:0 is not recorded')
  expect(await (await replay(true)).differences()).toEqual([
    expect.stringMatching(/^app-lengths-changelog 1=/),
    'out k0=null',
    'totals 1=2',
  ])
  expect(service.calls).toBe(calls)
})

it('why shows a call with its recorded answer, and says when there is none', async () => {
  const { app, plan, service } = await ran(['tea', 'milk', 'fail', 'wait'], 2, asking)
  const { calls } = service
  const [first] = app.records('out')
  const cause = await causeOf(app, plan, `out:0:${first?.offset}`)
  expect([cause.how, cause.input?.value, cause.path]).toEqual(['same', 'tea', [0, 1]])
  expect(cause.chain?.steps[1]).toMatchObject({
    answerOf: 'ask',
    from: 0,
    visits: [{ operator: 'ask', because: 'of its recorded answer', key: 'k0', value: '3 #1' }],
  })
  const [letter] = app.records('app.dlq')
  const death = await causeOf(app, plan, `app.dlq:0:${letter?.offset}`)
  expect(death.chain?.steps.map(({ notes }) => notes)).toEqual([
    ['ask failed, and the record was left out: the call of ask failed once: no such thing'],
    [],
  ])
  expect(death.chain?.steps[1]?.wrote).toMatchObject([{ topic: 'app.dlq', isAskedFor: true }])
  const waiting = await causeOf(app, plan, 'in:1:1')
  expect(waiting.chain?.steps.map(({ notes }) => notes)).toEqual([['ask has no answer yet']])

  await app.admin.deleteRecords([{ topic: ANSWERS_TOPIC, partition: 0, offset: 1 }])
  const gone = await causeOf(app, plan, 'in:0:0')
  expect(gone.chain?.steps.map(({ notes }) => notes)).toEqual([['ask was called, and its answer is not recorded']])
  expect(gone.missingAnswers).toEqual([{ node: 'ask', calls: 1 }])
  expect(service.calls).toBe(calls)
})
