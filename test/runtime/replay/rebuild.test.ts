import { expect, it } from 'vitest'
import { DEFAULT_STREAMS_CONFIG } from '../../../runtime/instance/streams-config.ts'
import { Rebuild } from '../../../runtime/replay/rebuild.ts'
import { PoisonedRecordError, PoisonedRecords } from '../../../runtime/task/poisoned-records.ts'
import { memoryBackends } from '../../../state/backends/memory.ts'
import { backendOptions, createStore } from '../../../state/create-store.ts'
import { NO_HEADERS } from '../../../state/ports/headers.ts'
import { StreamsBuilder, serdes } from '../../../topology/index.ts'
import { type CountingPlanOptions, countingPlan } from '../../support/counting-plan.ts'

const topic = 'in'

function open(
  to: readonly number[],
  options: CountingPlanOptions = {},
  poisoned = new PoisonedRecords(),
  plan = countingPlan(options),
) {
  const written: string[] = []
  const text = (at: { topic: string; partition: number }, key: unknown, value: unknown) =>
    written.push(`${at.topic}-${at.partition} ${key}=${value}`)
  const backends = memoryBackends()
  const input = to.map((end, partition) => ({ topic, partition, from: 0, to: end }))
  const rebuild = Rebuild.open({
    plan,
    config: {
      ...DEFAULT_STREAMS_CONFIG,
      applicationId: 'app',
      deadLetterTopic: 'dlq',
      processingExceptionHandler: 'dead-letter',
    },
    taskIds: to.map((_, partition) => `0_${partition}`),
    partitions: new Map([topic, 'out', 'app-counts-changelog', 'dlq'].map((name) => [name, to.length])),
    input,
    tickEnd: () => 0,
    openStore: async (taskId, spec, context) =>
      createStore(spec, await backends.open(taskId, spec.name, backendOptions(spec)), context),
    onOutput: (at, key, value) => text(at, key, value),
    onChangelog: (at, key) => text(at, key, 'row'),
    poisoned,
  })
  return rebuild.then((opened) => ({ rebuild: opened, written, backends }))
}

function fetched(partition: number, from: number, records: readonly (readonly [key: string, time: number])[]) {
  const all = records.map(([key, timestamp], i) => {
    return { offset: from + i, key: Buffer.from(key), value: Buffer.from(key), timestamp, headers: NO_HEADERS }
  })
  const position = from + all.length
  return { topic, partition, from, records: all, bytes: 10 * all.length, position, endOffset: 99 }
}

it('a rebuild processes the smallest timestamp of all partitions, and waits for partitions it has not read', async () => {
  const { rebuild, written } = await open([2, 2])
  rebuild.feed(
    fetched(0, 0, [
      ['a', 1],
      ['b', 5],
    ]),
  )
  expect([rebuild.process(10), rebuild.isDone]).toEqual([0, false])
  rebuild.feed(
    fetched(1, 0, [
      ['c', 3],
      ['d', 4],
      ['beyond', 6],
    ]),
  )
  expect([rebuild.process(10), rebuild.isDone]).toEqual([4, true])
  expect(written.map((line) => line.split(' ')[1])).toEqual(['a=1', 'c=1', 'd=1', 'b=1'])
  await rebuild.commit()
  expect(written.slice(4).sort()).toEqual(['a', 'b', 'c', 'd'].map((key) => expect.stringContaining(` ${key}=row`)))
  const at = (partition: number) => rebuild.captureOffsets().find((offset) => offset.partition === partition)
  expect(at(1)).toMatchObject({ topic, offset: 2, metadata: '4' })
  await rebuild.close()
})

it('a rebuild continues where it stopped when there is more input', async () => {
  const { rebuild, written } = await open([1])
  rebuild.feed(
    fetched(0, 0, [
      ['a', 1],
      ['a', 2],
    ]),
  )
  expect([rebuild.process(10), rebuild.missing]).toEqual([1, [{ topic, partition: 0, from: 1, to: 1 }]])
  rebuild.extend([{ topic, partition: 0, from: 0, to: 3 }])
  expect([rebuild.isDone, rebuild.missing]).toEqual([false, [{ topic, partition: 0, from: 1, to: 3 }]])
  rebuild.feed(
    fetched(0, 1, [
      ['a', 2],
      ['b', 3],
    ]),
  )
  expect([rebuild.process(10), rebuild.isDone, written]).toEqual([2, true, ['out-0 a=1', 'out-0 a=2', 'out-0 b=1']])
  await rebuild.close()
})

it('a rebuild skips a poisoned record when it begins again', async () => {
  const onRecord = (value: string): void => {
    if (value === 'bad') throw new RangeError('planned')
  }
  const input = fetched(0, 0, [
    ['a', 1],
    ['bad', 2],
    ['a', 3],
  ])
  const first = await open([3], { onRecord })
  first.rebuild.feed(input)
  let error: unknown
  try {
    first.rebuild.process(10)
  } catch (thrown) {
    error = thrown
  }
  expect(error).toBeInstanceOf(PoisonedRecordError)
  const poisoned = new PoisonedRecords()
  poisoned.add(error as PoisonedRecordError)
  const second = await open([3], { onRecord }, poisoned)
  second.rebuild.feed(input)
  expect([second.rebuild.process(10), second.written]).toEqual([3, ['out-0 a=1', 'out-0 a=2']])
})

it('a topology that makes calls is not rebuilt: nothing has recorded the answers', async () => {
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
  builder
    .stream<string, string>('in')
    .mapAsync(async (value) => value, { name: 'ask' })
    .to('out')
  await expect(open([1], {}, new PoisonedRecords(), builder.build().build({ applicationId: 'app' }))).rejects.toThrow(
    'a topology that makes calls cannot be processed again: the answers that ask got are not recorded',
  )
})
