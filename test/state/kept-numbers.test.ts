import { expect, it } from 'vitest'
import { memoryBackends } from '../../state/backends/memory.ts'
import { backendOptions, createStore } from '../../state/create-store.ts'
import { NO_HEADERS } from '../../state/ports/headers.ts'
import type { ManagedStore, RestoredRecord } from '../../state/ports/managed-store.ts'
import type { StoreSpec } from '../../state/ports/store-spec.ts'
import type { KeyValueStore } from '../../state/ports/stores.ts'
import { bytesSerde } from '../../topology/serdes.ts'

const SPEC: StoreSpec = {
  kind: 'key-value',
  name: 's',
  keySerde: bytesSerde,
  valueSerde: bytesSerde,
  logging: true,
  caching: false,
  timestamped: false,
  scan: true,
  keptNumbers: ['observed', 'late'],
}

class Bench {
  readonly log: RestoredRecord[] = []
  readonly disk = memoryBackends({ durable: true })
  store!: ManagedStore

  async open(spec: StoreSpec = SPEC): Promise<this> {
    const context = { streamTime: () => 7, recordTimestamp: () => 7, recordHeaders: () => NO_HEADERS }
    this.store = createStore(spec, await this.disk.open('0_0', spec.name, backendOptions(spec)), context)
    return this
  }

  get rows(): KeyValueStore<Buffer, Buffer> {
    return this.store.api as KeyValueStore<Buffer, Buffer>
  }

  freeze(): void {
    this.store.freeze((key, value, timestamp, headers) => {
      const bytes = value === null ? null : Buffer.from(value as Buffer)
      this.log.push({ key: Buffer.from(key, 'latin1'), value: bytes, timestamp, headers })
    })
  }

  async commit(): Promise<void> {
    this.freeze()
    await this.store.settle(this.log.length)
  }

  get numbers(): readonly number[] {
    return [this.store.kept('observed').value, this.store.kept('late').value]
  }
}

it('a kept number only grows, and is -1 before the first', async () => {
  const { store } = await new Bench().open()
  const observed = store.kept('observed')
  expect(observed.value).toBe(-1)
  observed.advance(70)
  observed.advance(60)
  expect(observed.value).toBe(70)
})

it('kept numbers are written when one has grown, with or without rows, and otherwise not', async () => {
  const bench = await new Bench().open()
  expect(bench.store.dirtyEntries()).toBe(0)
  bench.store.kept('observed').advance(70)
  expect(bench.store.dirtyEntries()).toBe(1)
  await bench.commit()
  expect(bench.store.dirtyEntries()).toBe(0)
  await bench.commit()
  expect(bench.log.map(({ value, timestamp }) => [String(value), timestamp])).toEqual([['{"observed":70}', 7]])
})

it('kept numbers of a failed commit are dropped with its rows', async () => {
  const bench = await new Bench().open()
  bench.store.kept('observed').advance(70)
  await bench.commit()
  bench.store.kept('observed').advance(80)
  bench.freeze()
  bench.store.kept('late').advance(1)
  bench.store.discard()
  expect(bench.numbers).toEqual([70, -1])
})

it('kept numbers are restored from the disk, and from the changelog alone', async () => {
  const bench = await new Bench().open()
  bench.store.kept('observed').advance(70)
  await bench.commit()
  bench.store.kept('late').advance(1)
  await bench.commit()
  await bench.store.close()
  await bench.open()
  expect(bench.numbers).toEqual([70, 1])
  await bench.store.wipe()
  expect(bench.numbers).toEqual([-1, -1])
  await bench.store.restore(bench.log, bench.log.length)
  expect(bench.numbers).toEqual([70, 1])
})

it('the last record of the changelog decides, also when a replay went back in time or deleted it', async () => {
  const bench = await new Bench().open()
  bench.store.kept('observed').advance(70)
  await bench.commit()
  const [record] = bench.log as [RestoredRecord]
  await bench.store.restore([{ ...record, value: Buffer.from('{"observed":20,"other":1}') }], 2)
  expect(bench.numbers).toEqual([20, -1])
  await bench.store.restore([{ ...record, value: null }], 3)
  expect(bench.numbers).toEqual([-1, -1])
})

it('no key of a row is mistaken for the record of the numbers', async () => {
  const bench = await new Bench().open()
  bench.store.kept('observed').advance(70)
  await bench.commit()
  const [{ key: hostile }] = bench.log as [RestoredRecord]
  bench.rows.put(hostile, Buffer.from('{"observed":9}'))
  bench.rows.put(Buffer.concat([hostile.subarray(0, -1), Buffer.of(1)]), Buffer.from('row'))
  await bench.commit()
  expect(new Set(bench.log.map(({ key }) => key.toString('latin1'))).size).toBe(3)
  await bench.store.wipe()
  await bench.store.restore(bench.log, bench.log.length)
  expect(bench.numbers).toEqual([70, -1])
  expect([...bench.rows.all()].map(([, value]) => String(value))).toEqual(['{"observed":9}', 'row'])
})

it('a store without a changelog keeps its numbers with its rows on the disk', async () => {
  const bench = await new Bench().open({ ...SPEC, logging: false })
  bench.store.kept('observed').advance(70)
  await bench.commit()
  expect(bench.log).toEqual([])
  await bench.store.close()
  expect((await bench.open({ ...SPEC, logging: false })).numbers).toEqual([70, -1])
})

it('a number that the store does not declare is refused by name', async () => {
  const { store } = await new Bench().open()
  expect(() => store.kept('early')).toThrow('store s keeps no number early: declare it in keptNumbers')
})
