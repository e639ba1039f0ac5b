import { expect, it } from 'vitest'
import { TopologyTestDriver } from '../../../runtime/memory/test-driver.ts'
import { UserCodeError } from '../../../state/ports/errors.ts'
import type { KeyValueStore } from '../../../state/ports/stores.ts'
import { type ProcessorContext, record, StreamsBuilder, stringSerde, Topology } from '../../../topology/index.ts'
import { MemoryApp } from '../../support/memory-app.ts'

const TEXT = { keySerde: stringSerde, valueSerde: stringSerde }

/** Joins the values between two commits, and counts the batches in a store. */
class Joining {
  #context!: ProcessorContext<string, string>
  #values: string[] = []

  init(context: ProcessorContext<string, string>): void {
    this.#context = context
    context.beforeCommit(() => {
      if (this.#values.length === 0) return
      const batch = this.#values.join(' ')
      this.#values = []
      context.store<KeyValueStore<string, string>>('batches').put(batch, String(context.taskCount))
      context.forward(record('all', batch, 7, []))
    })
  }

  process({ value }: { readonly value: string }): void {
    if (value === 'commit') this.#context.commit()
    this.#values.push(value)
  }
}

function joining(): Topology {
  const builder = new StreamsBuilder()
  builder.addStateStore({ ...store })
  builder
    .stream<string, string>('in', TEXT)
    .process(() => new Joining(), { name: 'joining', stores: ['batches'] })
    .to('out', { name: 'sink', ...TEXT })
  return builder.build()
}

const store = {
  kind: 'key-value' as const,
  name: 'batches',
  ...TEXT,
  logging: true,
  caching: false,
  timestamped: false,
  scan: false,
} as Parameters<StreamsBuilder['addStateStore']>[0]

it('what a processor gathers is forwarded at the commit, with its rows, and is in no other one', async () => {
  const app = new MemoryApp({
    plan: joining().build({ applicationId: 'app' }),
    topics: { in: 1, out: 1 },
    threads: 1,
    config: {},
  })
  app.cluster.append(
    { topic: 'in', partition: 0 },
    ['a', 'b', 'c'].map((value) => ({ key: Buffer.from('k'), value: Buffer.from(value), timestamp: 1, headers: [] })),
  )
  await app.start()
  await app.drained('in', 0)
  expect(app.records('out').map(({ value, timestamp }) => [String(value), timestamp])).toEqual([['a b c', 7]])
  expect(app.records('app-batches-changelog').map(({ key, value }) => [String(key), String(value)])).toEqual([
    ['a b c', '1'],
  ])
  await app.instance.close()
})

it('a listener that throws is named, and so is one that answers a promise', () => {
  for (const [listener, message] of [
    [
      () => {
        throw new Error('no')
      },
      /gathering failed for what it had gathered before a commit: no/,
    ],
    [(() => Promise.resolve()) as unknown as () => void, /gathering failed .*promise/],
  ] as const) {
    const topology = new Topology().addSource({ name: 'in', topics: 'in', ...TEXT }).addProcessor({
      name: 'gathering',
      parents: ['in'],
      supplier: () => ({ init: (context) => context.beforeCommit(listener), process() {} }),
    })
    const driver = new TopologyTestDriver(topology.build({ applicationId: 'app' }), {
      config: { processingExceptionHandler: 'fail' },
    })
    const feed = () => driver.pipeInput('in', { key: Buffer.from('k'), value: Buffer.from('v'), timestamp: 1 })
    expect(feed).toThrow(UserCodeError)
    expect(feed).toThrow(message)
  }
})
