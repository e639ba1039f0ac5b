import { describe, expect, it } from 'vitest'
import { memoryBackends } from '../../state/backends/memory.ts'
import type { Materialized, Plan, Serde, Sync } from '../../topology/index.ts'
import { keyValueStore, StreamsBuilder, serdes } from '../../topology/index.ts'
import { MemoryApp } from '../support/memory-app.ts'

interface Total {
  readonly cents: number
  readonly orders: number
}

const TEXT = { keySerde: serdes.string, valueSerde: serdes.string }
const totalSerde = serdes.json<Total>()
/** Version 1 of the rows was a number of cents, version 2 an object without orders. */
const fromNumber = (old: unknown, version: number): Total =>
  version === 1 ? { cents: old as number, orders: 0 } : { cents: (old as { cents: number }).cents, orders: -1 }

function plan<V extends object | number>(
  aggregate: (total: V, cents: number) => V,
  first: V,
  materialized: Materialized<string, V>,
): Plan {
  const builder = new StreamsBuilder()
  builder
    .stream<string, string>('in', TEXT)
    .groupByKey()
    .aggregate<V, V>({
      initializer: () => first as Sync<V>,
      aggregator: (_key, value, total) => aggregate(total, Number(value)),
      materialized: { name: 'totals', ...materialized },
    })
    .toStream()
    .to('out')
  return builder.build().build({ applicationId: 'app' })
}

const cents = plan<number>((total, more) => total + more, 0, { valueSerde: serdes.json<number>() })
const add = (total: Total, more: number): Total => ({ cents: total.cents + more, orders: total.orders + 1 })
const objects = plan<Total>(add, { cents: 0, orders: 0 }, { valueSerde: totalSerde, version: 2, migrate: fromNumber })
const third = plan<Total>(add, { cents: 0, orders: 0 }, { valueSerde: totalSerde, version: 3, migrate: fromNumber })

const topics = { in: 1, out: 1, 'app-totals-changelog': 1 }
const inTotals = async (app: MemoryApp, key: string): Promise<unknown> => (await app.instance.get('totals', key)).result

async function started(first: Plan): Promise<MemoryApp> {
  const app = new MemoryApp({ plan: first, topics })
  app.produce('in', 'a', '250')
  app.produce('in', 'b', '100')
  await app.start()
  await app.drained('in')
  return app
}

async function restarted(app: MemoryApp, next: Plan): Promise<void> {
  await app.restart(next)
  await app.time.until('running', () => app.instance.state() === 'RUNNING')
}

describe('a store whose values have a version', () => {
  it.each(['disk', 'changelog'])('reads rows of an older version from its %s, and writes the new one', async (from) => {
    const app = await started(cents)
    if (from === 'changelog') app.disk = memoryBackends({ durable: true })
    await restarted(app, objects)
    expect(await inTotals(app, 'a')).toEqual({ value: { cents: 250, orders: 0 }, timestamp: 0 })
    app.produce('in', 'a', '50')
    await app.drained('in')
    expect(await inTotals(app, 'a')).toEqual({ value: { cents: 300, orders: 1 }, timestamp: 0 })
    expect(app.records('app-totals-changelog').at(-1)?.value?.subarray(0, 4)).toEqual(Buffer.of(0xf5, 0xc1, 0xfe, 2))
    await app.instance.close()
  })

  it('writes outputs without the version', async () => {
    const app = await started(objects)
    expect(app.lines('out')).toEqual(['a={"cents":250,"orders":1}', 'b={"cents":100,"orders":1}'])
    await app.instance.close()
  })

  it('tells migrate the version of each row', async () => {
    const app = await started(cents)
    await restarted(app, objects)
    app.produce('in', 'b', '1')
    await app.drained('in')
    await restarted(app, third)
    expect(await inTotals(app, 'a')).toMatchObject({ value: { cents: 250, orders: 0 } })
    expect(await inTotals(app, 'b')).toMatchObject({ value: { cents: 101, orders: -1 } })
    await app.instance.close()
  })

  it('refuses rows of a version it does not know, and names both', async () => {
    const app = await started(third)
    await restarted(app, objects)
    await expect(app.instance.get('totals', 'a')).rejects.toThrow('the row has version 3, and this program knows 2')
    await app.instance.close()
  })

  it('reads older rows with the serde of their version', () => {
    const { valueSerde } = keyValueStore<string, Total>({
      name: 'totals',
      ...{ keySerde: serdes.string, valueSerde: totalSerde },
      version: 2,
      migrate: fromNumber,
      olderSerdes: { 1: serdes.int64 as Serde<unknown> },
    })
    expect(valueSerde.deserialize('t', serdes.int64.serialize('t', 7) as Buffer)).toEqual({ cents: 7, orders: 0 })
  })

  it('must have a migration, and a version from 1 to 255', () => {
    const store = { name: 'totals', keySerde: serdes.string, valueSerde: totalSerde }
    expect(() => keyValueStore({ ...store, version: 2 })).toThrow(
      'store totals: version 2 needs migrate(old, version) for older rows',
    )
    for (const version of [0, 1.5, 256])
      expect(() => keyValueStore({ ...store, version, migrate: fromNumber })).toThrow(
        `store totals: version must be a whole number from 1 to 255, not ${version}`,
      )
  })
})
