import { expect, it } from 'vitest'
import type { KeyValueStore, WindowStore } from '../../../state/ports/stores.ts'
import { keyValueStore, serdes, windowStore } from '../../../topology/index.ts'
import type { Processor } from '../../../topology/processor.ts'
import { StreamsBuilder } from '../../../topology/streams-builder.ts'
import { MemoryApp } from '../../support/memory-app.ts'

const TEXT = { keySerde: serdes.string, valueSerde: serdes.string }

/** Stores that a record fills: key `fill`, value how many rows. */
function plan() {
  const builder = new StreamsBuilder()
  builder.addStateStore(keyValueStore({ name: 'many', ...TEXT }))
  const windows = { windowSizeMs: 10, retentionMs: 1000, retainDuplicates: true }
  builder.addStateStore(windowStore({ name: 'doubles', ...TEXT, ...windows }))
  builder.stream<string, string>('in', TEXT).process(
    (): Processor<string, string, never, never> => {
      let many: KeyValueStore<string, string>
      let doubles: WindowStore<string, string>
      return {
        init(context) {
          many = context.store('many')
          doubles = context.store('doubles')
        },
        process({ value }) {
          for (let i = 0; i < Number(value); i++) many.put(`k${String(i).padStart(6, '0')}`, 'x')
          for (let i = 0; i < 5; i++) doubles.put('d', `${i}`, 20)
        },
      }
    },
    { stores: ['many', 'doubles'] },
  )
  return builder.build().build({ applicationId: 'app' })
}

async function filled(rows: number): Promise<MemoryApp> {
  const app = new MemoryApp({ plan: plan(), topics: { in: 1 } })
  await app.start()
  app.produce('in', 'fill', String(rows))
  await app.drained('in')
  return app
}

it('a query without a limit returns all rows, or an error that explains paging', async () => {
  const app = await filled(10_000)
  expect((await app.instance.scan('many')).result).toHaveLength(10_000)
  app.produce('in', 'fill', '10001')
  await app.drained('in')
  await expect(app.instance.scan('many')).rejects.toThrow(
    'more than 10000 such rows: set a limit and go on with nextCursor',
  )
  const { result, nextCursor } = await app.instance.range('many', 'k000001', 'k000003', { limit: 2 })
  expect(result.map(([key]) => key)).toEqual(['k000001', 'k000002'])
  const rest = await app.instance.range('many', 'k000001', 'k000003', { limit: 2, cursor: nextCursor ?? '' })
  expect([rest.result.map(([key]) => key), rest.nextCursor]).toEqual([['k000003'], null])
  await app.instance.close()
})

it('pages may end between rows of one key and window', async () => {
  const app = await filled(1)
  const values: unknown[] = []
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await app.instance.fetch('doubles', 'd', 0, 100, { limit: 2, cursor })
    values.push(...page.result)
    cursor = page.nextCursor
  }
  expect(values).toEqual(['0', '1', '2', '3', '4'].map((value) => [20, value]))
  await app.instance.close()
})

it.each([
  ['a cursor of nobody', { cursor: 'a b' }, 'this store did not give out that cursor: send the nextCursor of a page'],
  ['a limit that is none', { limit: 1.5 }, 'limit must be a whole number of rows'],
])('a store refuses %s', async (_what, options, message) => {
  const app = await filled(1)
  await expect(app.instance.scan('doubles', options)).rejects.toThrow(message)
  await expect(app.instance.scan('many', options)).rejects.toThrow(message)
  await app.instance.close()
})

it('a store refuses a key of the wrong type', async () => {
  const app = await filled(1)
  await expect(app.instance.get('many', null)).rejects.toThrow('store many: a key is missing')
  await expect(app.instance.get('many', 7)).rejects.toMatchObject({ code: 'CONFIG' })
  expect(() => app.instance.queryMetadataForKey('many', { a: 1 })).toThrow(
    'store many: its key serde cannot write a key like {a}',
  )
  await app.instance.close()
})
