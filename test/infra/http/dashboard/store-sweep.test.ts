import { describe, expect, it } from 'vitest'
import { StoreSweep, type Tally } from '../../../../infra/http/dashboard/store-sweep.ts'
import { type KeyQueryMetadata, StoreUnavailableError } from '../../../../runtime/ports/instance.ts'
import { InMemoryInstance } from '../../../support/in-memory-instance.ts'

class Sum implements Tally<number> {
  #sum = 0
  add(_key: string, stored: unknown): void {
    this.#sum += stored as number
  }
  result(): number {
    return this.#sum
  }
}

const place = (partition: number, isLocal: boolean): KeyQueryMetadata => ({
  partition,
  active: { processId: isLocal ? 'this' : 'other', endpoint: null, isLocal },
  standbys: [],
})

function instanceWith(rows: number, partitions: readonly boolean[] = [true]): InMemoryInstance {
  const ones = Array.from({ length: rows }, (_, i): [string, unknown] => [`k${String(i).padStart(6, '0')}`, 1])
  const instance = new InMemoryInstance({ numbers: new Map(ones) })
  instance.places = partitions.map((isLocal, partition) => place(partition, isLocal))
  return instance
}

const sweepOf = (instance: InMemoryInstance, rowsPerStep?: number) =>
  new StoreSweep({ instance, store: 'numbers', newTally: () => new Sum(), rowsPerStep, stepMs: 60_000 })

describe('StoreSweep', () => {
  it('reads at most the given number of rows in a step, and shows partial counts until the first round is complete', async () => {
    const instance = instanceWith(2500)
    const sweep = sweepOf(instance, 1200)
    expect(await sweep.step()).toMatchObject({ value: 1200, rows: 1200, complete: false })
    expect(await sweep.step()).toMatchObject({ value: 2400, rows: 2400, complete: false })
    expect(await sweep.step()).toMatchObject({ value: 2500, rows: 2500, complete: true })
    expect(instance.scans.map(({ limit }) => limit)).toEqual([1000, 200, 1000, 200, 1000])
  })

  it('keeps the last complete round until the next one is complete', async () => {
    const instance = instanceWith(1500)
    const sweep = sweepOf(instance, 1000)
    await sweep.step()
    await sweep.step()
    instance.stores.get('numbers')?.set('k000000', 5)
    expect(await sweep.step()).toMatchObject({ value: 1500, complete: true })
    expect(await sweep.step()).toMatchObject({ value: 1504, complete: true })
  })

  it('counts each row of the local partitions once, one partition at a time', async () => {
    const instance = instanceWith(4000, [true, false, true])
    const mine = [...(instance.stores.get('numbers') ?? [])].filter(
      ([key]) => instance.queryMetadataForKey('numbers', key).active?.isLocal,
    )
    expect(await sweepOf(instance).step()).toMatchObject({ value: mine.length, complete: true })
    expect(new Set(instance.scans.map(({ partitions }) => String(partitions)))).toEqual(new Set(['0', '2']))
  })

  it('is complete and empty when there are no rows', async () => {
    expect(await sweepOf(instanceWith(10, [false])).step()).toMatchObject({ value: 0, rows: 0, complete: true })
  })

  it('starts again when a partition moves away during a round', async () => {
    const instance = instanceWith(2000)
    const sweep = sweepOf(instance, 1000)
    await sweep.step()
    instance.failure = new StoreUnavailableError('moving')
    await expect(sweep.step()).rejects.toThrow('moving')
    instance.failure = null
    expect(await sweep.step()).toMatchObject({ rows: 1000, complete: false })
    await sweep.step()
    expect(await sweep.step()).toMatchObject({ value: 2000, complete: true })
  })

  it('requests no further page when its time is over', async () => {
    const instance = instanceWith(5000)
    const sweep = new StoreSweep({ instance, store: 'numbers', newTally: () => new Sum(), stepMs: 0.000_001 })
    expect(await sweep.step()).toMatchObject({ rows: 1000 })
    expect(await sweep.step()).toMatchObject({ rows: 2000 })
  })
})
