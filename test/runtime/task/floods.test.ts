import { expect, it } from 'vitest'
import { Epochs } from '../../../runtime/commit/epochs.ts'
import { OutputCollector } from '../../../runtime/commit/output-collector.ts'
import { DEFAULT_STREAMS_CONFIG } from '../../../runtime/instance/streams-config.ts'
import { PoisonedRecords } from '../../../runtime/task/poisoned-records.ts'
import { StreamTask } from '../../../runtime/task/stream-task.ts'
import { ThreadMetrics } from '../../../runtime/thread/thread-metrics.ts'
import { InvalidRecordError } from '../../../state/ports/errors.ts'
import type { Headers } from '../../../state/ports/headers.ts'
import { stringSerde } from '../../../topology/serdes.ts'
import { Topology } from '../../../topology/topology.ts'
import { ManualTime } from '../../support/manual-time.ts'
import { MemoryApp } from '../../support/memory-app.ts'

/** Copies `in` to `out`. Values that begin with `bad` are no valid input, and those that begin with `old` get a negative time. */
const plan = new Topology()
  .addSource({
    name: 'source',
    topics: ['in'],
    keySerde: stringSerde,
    valueSerde: stringSerde,
    check: ({ value }) => {
      if (String(value).startsWith('bad')) throw new InvalidRecordError('schema', 'it is bad')
      return undefined
    },
    timestampExtractor: ({ value, timestamp }) => (String(value).startsWith('old') ? -1 : timestamp),
  })
  .addSink({ name: 'sink', parents: ['source'], topic: 'out', keySerde: stringSerde, valueSerde: stringSerde })
  .build({ applicationId: 'app' })

const errorOf = (headers: Headers, name: string): string =>
  String([...headers].find(({ key }) => key === `__streams.errors.${name}`)?.value)

it('a flood of invalid records is committed in order, each record once, in epochs of the usual size', async () => {
  const maxEpochBytes = 256 * 1024
  const flood = 6000
  const app = new MemoryApp({
    plan,
    topics: { in: 1, out: 1 },
    config: { deserializationExceptionHandler: 'dead-letter', maxEpochBytes },
  })
  app.produce('in', 'a', 'first')
  const value = Buffer.from(`bad ${'x'.repeat(146)}`)
  const batch = Array.from({ length: flood / 6 }, () => ({ key: null, value, timestamp: 0, headers: [] }))
  for (let sent = 0; sent < flood; sent += batch.length) app.cluster.append({ topic: 'in', partition: 0 }, batch)
  app.produce('in', 'a', 'last')
  await app.start()
  const epochs: number[] = []
  app.writer.before = async (request) => {
    epochs.push(request.batch.bytes)
  }
  await app.drained('in')
  // A round of 100 records is done before the next look at the size.
  expect(Math.max(...epochs)).toBeLessThan(maxEpochBytes + 100 * 4096)
  expect(app.lines('out')).toEqual(['a=first', 'a=last'])
  const families = await app.instance.metrics()
  const observations = (name: string): number =>
    families
      .filter((one) => one.name === name)
      .flatMap(({ histograms }) => histograms.flatMap(({ counts }) => counts))
      .reduce((sum, count) => sum + count, 0)
  // Records that are left out have no processing time and no latency.
  expect(await app.metric('records_processed_total')).toBe(2)
  expect(observations('record_processing_seconds')).toBe(2)
  expect(observations('record_e2e_latency_seconds')).toBe(2)
  const offsets = app.records(app.deadLetterTopic).map(({ headers }) => Number(errorOf(headers, 'offset')))
  expect(offsets).toEqual(Array.from({ length: flood }, (_, i) => i + 1))
  await app.instance.close()
})

it('dropped records take steps of a task one by one, as processed ones do', () => {
  const written: string[] = []
  const epochs = new Epochs(() => ({
    records: 0,
    bytes: 0,
    append: (topic, _partition, _key, value) => {
      written.push(`${topic}=${String(value).slice(0, 3)}`)
    },
  }))
  const collector = new OutputCollector(
    epochs,
    new Map([
      ['out', 1],
      ['dlq', 1],
    ]),
  )
  const metrics = new ThreadMetrics()
  const task = new StreamTask({
    subtopology: plan.subtopologies[0] as (typeof plan.subtopologies)[number],
    partition: 0,
    taskCount: 1,
    sources: [{ topic: 'in', partition: 0, position: 0, partitionTime: -1, isCommitted: true }],
    collector,
    clock: new ManualTime(),
    metrics,
    config: {
      ...DEFAULT_STREAMS_CONFIG,
      applicationId: 'app',
      deserializationExceptionHandler: 'dead-letter',
      deadLetterTopic: 'dlq',
    },
    poisoned: new PoisonedRecords(),
  })
  task.start([])
  const texts = ['bad', 'old', 'bad', 'old', 'new', 'old', 'bad']
  task.add({
    topic: 'in',
    partition: 0,
    from: 0,
    position: texts.length,
    endOffset: texts.length,
    records: texts.map((text, offset) => ({ offset, timestamp: 7, key: null, value: Buffer.from(text), headers: [] })),
    bytes: 70,
  })
  const queue = task.queues[0]
  const course: unknown[] = []
  for (let done = task.process(2); done > 0; done = task.process(2)) {
    course.push([done, queue?.position(), queue?.bytes, epochs.live.inputBytes, task.lag])
  }
  expect(course).toEqual([
    [2, 2, 70, 20, 5],
    [2, 4, 70, 40, 3],
    [2, 6, 70, 60, 2],
    [1, 7, 0, 70, 1],
  ])
  expect(written).toEqual(['dlq=bad', 'dlq=bad', 'out=new', 'dlq=bad'])
  expect([task.captureOffsets().map(({ offset }) => offset), task.streamTime()]).toEqual([[7], 7])
  expect([...metrics.dropped.take()]).toEqual([['negative-timestamp', 3]])
})
