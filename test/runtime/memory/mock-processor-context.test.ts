import { expect, it } from 'vitest'
import { MockProcessorContext } from '../../../runtime/memory/mock-processor-context.ts'
import {
  type KeyValueStore,
  keyValueStore,
  type Processor,
  type ProcessorContext,
  record,
  serdes,
} from '../../../topology/index.ts'

/** Counts words per key, sends the counts every ten seconds of stream time, and drops empty words. */
class WordCounter implements Processor<string, string, string, number> {
  #context!: ProcessorContext<string, number>
  #counts!: KeyValueStore<string, number>

  init(context: ProcessorContext<string, number>): void {
    this.#context = context
    this.#counts = context.store('counts')
    context.schedule(10_000, 'stream-time', (at) => {
      for (const [word, count] of this.#counts.all()) context.forward(record(word, count, at), 'totals')
      context.commit()
    })
    context.beforeCommit(() => context.forward(record('end', 0, context.currentStreamTimeMs())))
  }

  process({ key, value, timestamp }: { key: string; value: string; timestamp: number }): void {
    if (value === '') {
      this.#context.drop('empty')
      return
    }
    const count = (this.#counts.get(value) ?? 0) + 1
    this.#counts.put(value, count)
    this.#context.metrics.counter('words_total', { help: 'Words' }).add()
    this.#context.forward(record(key, count, timestamp))
  }
}

function started() {
  const counts = keyValueStore({ name: 'counts', keySerde: serdes.string, valueSerde: serdes.json<number>() })
  const context = new MockProcessorContext<string, number>({ stores: [counts], taskId: '1_2', systemTimeMs: 5 })
  const counter = new WordCounter()
  counter.init(context)
  return { context, counter }
}

it('keeps what a processor forwards, and what stands in its stores', () => {
  const { context, counter } = started()
  context.process(counter, record('line', 'word', 100))
  context.process(counter, record('line', 'word', 90))
  expect(
    context.forwarded().map(({ record, childName }) => [record.key, record.value, record.timestamp, childName]),
  ).toEqual([
    ['line', 1, 100, undefined],
    ['line', 2, 90, undefined],
  ])
  expect(context.store<KeyValueStore<string, number>>('counts').get('word')).toBe(2)
  expect(context.currentStreamTimeMs()).toBe(100)
  context.resetForwards()
  expect(context.forwarded()).toEqual([])
})

it('keeps punctuators and commits, and fires what the test says', () => {
  const { context, counter } = started()
  context.process(counter, record('line', 'word', 100))
  context.resetForwards()
  const [scheduled] = context.scheduledPunctuators()
  expect(scheduled).toMatchObject({ intervalMs: 10_000, type: 'stream-time', isCancelled: false })
  expect(context.committed()).toBe(false)
  scheduled?.punctuator(20_000)
  expect(context.committed()).toBe(true)
  expect(context.forwarded('totals').map(({ record }) => [record.key, record.value, record.timestamp])).toEqual([
    ['word', 1, 20_000],
  ])
  expect(context.forwarded('others')).toEqual([])
  scheduled?.cancel()
  expect(context.scheduledPunctuators()[0]?.isCancelled).toBe(true)
  context.resetCommit()
  expect(context.committed()).toBe(false)
})

it('has the times, places and counts that the test sets and reads', () => {
  const { context, counter } = started()
  expect([context.taskId, context.partition, context.currentSystemTimeMs()]).toEqual(['1_2', 2, 5])
  context.setCurrentSystemTimeMs(7)
  context.setCurrentStreamTimeMs(300)
  context.setRecordMetadata({ topic: 'lines', partition: 2, offset: 9 })
  expect(context.currentSystemTimeMs()).toBe(7)
  expect(context.recordMetadata()).toEqual({ topic: 'lines', partition: 2, offset: 9 })
  context.runBeforeCommit()
  expect(context.forwarded().map(({ record }) => [record.key, record.timestamp])).toEqual([['end', 300]])
  context.process(counter, record('line', '', 1))
  expect([...context.droppedRecords()]).toEqual([['empty', 1]])
  context.process(counter, record('line', 'a', 1))
  expect(context.metricFamilies()).toMatchObject([{ name: 'words_total', samples: [{ value: 1 }] }])
  expect(() => context.store('others')).toThrow('processor has no store others; give it in stores')
})
