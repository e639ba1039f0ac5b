import { expect, it, vi } from 'vitest'
import { memoryBackends } from '../../state/backends/memory.ts'
import { backendOptions, createStore } from '../../state/create-store.ts'
import { decodeRow } from '../../state/layers/row-codec.ts'
import { SerdeError } from '../../state/ports/errors.ts'
import { appendPart, growParts, type PartsBytes, type PartsSerde, serializedOf } from '../../state/ports/grown-parts.ts'
import { NO_HEADERS } from '../../state/ports/headers.ts'
import type { ManagedStore, RestoredRecord } from '../../state/ports/managed-store.ts'
import type { Serde } from '../../state/ports/serde.ts'
import type { KeyValueStore, TimestampedKeyValueStore } from '../../state/ports/stores.ts'
import { NO_PARTS, packParts, partName, partNameText, partsOf, withPart } from '../../state/ports/value-parts.ts'
import { takePart } from '../../state/stores/changelog-parts.ts'
import { bytesSerde } from '../../topology/serdes.ts'
import { keyValueStore } from '../../topology/stores.ts'
import { Random } from '../support/random.ts'

const SPEC = keyValueStore({
  name: 's',
  keySerde: bytesSerde,
  valueSerde: bytesSerde,
  timestamped: true,
  scan: false,
  changelogParts: true,
})
const context = { streamTime: () => 7, recordTimestamp: () => 7, recordHeaders: () => NO_HEADERS }

type Parts = Readonly<Record<string, string>>

const packed = (parts: Parts): Buffer =>
  packParts(Object.entries(parts).map(([name, value]) => ({ name, value: Buffer.from(value) })))
const unpacked = (bytes: Buffer): Parts =>
  Object.fromEntries(partsOf(bytes).map(({ name, value }) => [name, value.toString()]))

class Bench {
  readonly log: RestoredRecord[] = []
  readonly disk = memoryBackends({ durable: true })
  store!: ManagedStore

  async open(): Promise<this> {
    this.store = createStore(SPEC, await this.disk.open('0_0', 's', backendOptions(SPEC)), context)
    return this
  }

  put(key: string, parts: Parts | null, timestamp = 7): void {
    const rows = this.store.api as TimestampedKeyValueStore<Buffer, Buffer>
    rows.put(Buffer.from(key, 'latin1'), parts === null ? null : { value: packed(parts), timestamp })
  }

  /** Commits, and returns what came to the changelog. */
  async commit(): Promise<readonly (readonly [key: string, value: string | null])[]> {
    const from = this.log.length
    this.store.freeze((key, value, timestamp, headers) => {
      const bytes = value === null ? null : Buffer.from(value as Buffer)
      this.log.push({ key: Buffer.from(key, 'latin1'), value: bytes, timestamp, headers })
    })
    await this.store.settle(this.log.length)
    return this.log.slice(from).map(({ key, value }) => [key.toString('latin1'), value?.toString() ?? null])
  }

  async rows(): Promise<readonly unknown[]> {
    const found = await this.store.committed.rows({ type: 'range', limit: 1000, reverse: false })
    return found.map(({ key, value, timestamp }) => [key, value, timestamp])
  }
}

it('a commit writes the parts that changed, each as a record', async () => {
  const bench = await new Bench().open()
  bench.put('k', { '': 'head', a: '1', b: '2' })
  expect(await bench.commit()).toEqual([
    ['k', 'head'],
    ['k\xffa', '1'],
    ['k\xffb', '2'],
  ])
  bench.put('k', { '': 'head', a: '1', b: '2', c: '3' })
  bench.put('k', { '': 'head', a: '1', b: '2', c: '3', d: '4' })
  expect(await bench.commit()).toEqual([
    ['k\xffc', '3'],
    ['k\xffd', '4'],
  ])
  bench.put('k', { b: '2', c: 'other', d: '4' })
  expect(await bench.commit()).toEqual([
    ['k', null],
    ['k\xffa', null],
    ['k\xffc', 'other'],
  ])
  bench.put('k', null)
  expect(await bench.commit()).toEqual([
    ['k\xffb', null],
    ['k\xffc', null],
    ['k\xffd', null],
  ])
})

it('a row that only lost parts, or has another timestamp, is written with one part', async () => {
  const bench = await new Bench().open()
  bench.put('k', { a: '1', b: '2' }, 5)
  await bench.commit()
  bench.put('k', { a: '1' }, 9)
  expect(await bench.commit()).toEqual([
    ['k\xffb', null],
    ['k\xffa', '1'],
  ])
  bench.put('k', { a: '1' }, 4)
  expect(await bench.commit()).toEqual([['k\xffa', '1']])
})

it('keys with a byte FF are not taken for parts of others', async () => {
  const bench = await new Bench().open()
  bench.put('k', { '': '1', a: '2' })
  bench.put('k\xff', { '': '3', a: '4' })
  bench.put('k\xffa', { '': '5' })
  const keys = (await bench.commit()).map(([key]) => key)
  expect(new Set(keys).size).toBe(5)
  const rows = new Map<string, Buffer | null>()
  for (const { key, value } of bench.log) takePart(rows, key, value)
  expect([...rows].map(([key, row]) => [key, unpacked(row as Buffer)])).toEqual([
    ['k', { '': '1', a: '2' }],
    ['k\xff', { '': '3', a: '4' }],
    ['k\xffa', { '': '5' }],
  ])
})

it('a compacted changelog brings the same rows back, bytes and timestamps, from any position', async () => {
  const random = new Random(7)
  const bench = await new Bench().open()
  const names = ['', 'a', 'b', 'c', 'd', 'ab']
  const half = { log: 0, rows: [] as readonly unknown[] }
  for (let i = 0; i < 400; i++) {
    const parts = Object.fromEntries(names.filter(() => random.below(2) === 1).map((n) => [n, String(random.below(3))]))
    bench.put(`k${random.below(5)}`, Object.keys(parts).length === 0 ? null : parts, random.below(1000))
    if (random.below(3) === 0) await bench.commit()
    if (i === 200) {
      await bench.commit()
      Object.assign(half, { log: bench.log.length, rows: await bench.rows() })
    }
  }
  await bench.commit()
  const expected = await bench.rows()
  expect(expected.length).toBeGreaterThan(2)
  const lastOf = new Map(bench.log.map(({ key }, offset) => [key.toString('latin1'), offset]))
  const isKept = ({ key }: RestoredRecord, offset: number) => lastOf.get(key.toString('latin1')) === offset
  const kept = bench.log.filter((record, offset) => isKept(record, offset) && record.value !== null)
  expect(kept.length).toBeLessThan(bench.log.length / 4)
  const fresh = await new Bench().open()
  // Two by two: a row is in the middle of its records most of the time.
  for (let at = 0; at < kept.length; at += 2) await fresh.store.restore(kept.slice(at, at + 2), at + 2)
  expect(await fresh.rows()).toEqual(expected)
  const behind = await new Bench().open()
  await behind.store.restore(bench.log.slice(0, half.log), half.log)
  expect(await behind.rows()).toEqual(half.rows)
  const tail = bench.log.slice(half.log).filter((record, i) => isKept(record, half.log + i))
  await behind.store.restore(tail, bench.log.length)
  expect(await behind.rows()).toEqual(expected)
})

it('a row from before the store had parts is its part without a name, and stays when parts come', async () => {
  const bench = await new Bench().open()
  const former = { key: Buffer.from('k'), value: Buffer.from('[whole]'), timestamp: 3, headers: NO_HEADERS }
  await bench.store.restore([former], 1)
  const backend = await bench.disk.open('0_0', 's', backendOptions(SPEC))
  expect(decodeRow(backend.get('k') as Buffer).value?.toString()).toBe('[whole]')
  const rows = bench.store.api as TimestampedKeyValueStore<Buffer, Buffer>
  const found = rows.get(Buffer.from('k'))?.value as Buffer
  rows.put(Buffer.from('k'), { value: appendPart(found, 'a', '1'), timestamp: 4 })
  expect(await bench.commit()).toEqual([['k\xffa', '1']])
  expect(unpacked(rows.get(Buffer.from('k'))?.value as Buffer)).toEqual({ '': '[whole]', a: '1' })
})

it('parts have one form, whatever the order in which they came', () => {
  const one = packed({ '': 'h', a: '1', é: '2' })
  let other: Buffer | null = null
  for (const [name, value] of [
    ['é', '2'],
    ['a', 'x'],
    ['', 'h'],
    ['b', 'y'],
    ['a', '1'],
  ] as const)
    other = withPart(other, name, Buffer.from(value))
  expect(withPart(other, 'b', null)).toEqual(one)
  expect(appendPart(appendPart(NO_PARTS, 'a', '1'), 'b', 'é')).toEqual(packed({ a: '1', b: 'é' }))
  // A part that looks like a frame.
  const framed = packParts([{ name: '', value: NO_PARTS }])
  expect(partsOf(framed)).toEqual([{ name: '', value: NO_PARTS }])
  expect(() => partsOf(one.subarray(0, -1))).toThrow(RangeError)
  for (const name of ['a\xff', '茶']) {
    expect(() => packed({ [name]: '1' })).toThrow(RangeError)
    expect(() => appendPart(NO_PARTS, name, '1')).toThrow(RangeError)
    expect(partNameText(partName(name))).toBe(name)
    expect(unpacked(packed({ [partName(name)]: '1' }))).toEqual({ [partName(name)]: '1' })
  }
})

it('parts that grow have the bytes of parts that are put together at once', () => {
  const head = packed({ '': 'h' })
  const grown = growParts(growParts(growParts(head, 'a', '1'), 'b', 'é'), 'c', '')
  expect(serializedOf(grown)).toEqual(packed({ '': 'h', a: '1', b: 'é', c: '' }))
  expect(grown.length).toBe(serializedOf(grown).length)
  expect(serializedOf(growParts(NO_PARTS, 'a', '1'))).toEqual(packed({ a: '1' }))
  expect(() => growParts(NO_PARTS, 'a\xff', '1')).toThrow(RangeError)
})

it('values that grow are written as those that are put together', async () => {
  const serialize = vi.fn((_topic: string, parts: PartsBytes) => serializedOf(parts))
  const valueSerde: PartsSerde<PartsBytes> = {
    serialize,
    serializeParts: (_topic, parts) => parts,
    deserialize: (_topic, bytes) => Buffer.from(bytes),
  }
  const spec = keyValueStore({
    ...{ name: 's', keySerde: bytesSerde, valueSerde, changelogParts: true, immutableValues: true },
    timestamped: true,
  })
  const bench = new Bench()
  const open = async () => {
    bench.store = createStore(spec, await bench.disk.open('0_0', 's', backendOptions(spec)), context)
    return bench.store.api as TimestampedKeyValueStore<Buffer, PartsBytes>
  }
  const key = Buffer.from('k')
  const grow = (rows: TimestampedKeyValueStore<Buffer, PartsBytes>, name: string, text: string): void =>
    rows.put(key, { value: growParts(rows.get(key)?.value ?? NO_PARTS, name, text), timestamp: 5 })
  const rows = await open()
  grow(rows, 'a', '1')
  grow(rows, 'b', 'é')
  expect(await bench.commit()).toEqual([
    ['k\xffa', '1'],
    ['k\xffb', 'é'],
  ])
  grow(rows, 'c', '3')
  expect(await bench.commit()).toEqual([['k\xffc', '3']])
  // The same value at another time, and one that did not grow.
  rows.put(key, { value: rows.get(key)?.value as PartsBytes, timestamp: 9 })
  expect(await bench.commit()).toEqual([['k\xffa', '1']])
  grow(rows, 'lost', '0')
  bench.store.discard()
  grow(rows, 'd', '4')
  expect(await bench.commit()).toEqual([['k\xffd', '4']])
  expect(serialize).not.toHaveBeenCalled()
  const row = packed({ a: '1', b: 'é', c: '3', d: '4' }).toString('latin1')
  expect(bench.store.committed.row('k')?.value).toBe(row)
  await bench.store.close()
  // A row from the disk is read again, since another serde may have written it.
  const again = await open()
  expect(await bench.rows()).toEqual([['k', row, 5]])
  grow(again, 'e', '5')
  expect(await bench.commit()).toEqual([['k\xffe', '5']])
  again.put(key, { value: packed({ b: 'é' }), timestamp: 5 })
  expect((await bench.commit()).map(([name]) => name)).toEqual(['k\xffa', 'k\xffc', 'k\xffd', 'k\xffe', 'k\xffb'])
})

it.each([
  [Promise.resolve(NO_PARTS), 'a Promise'],
  [undefined, 'undefined'],
])('a serde whose serializeParts() returns %s is named when its row is written', async (answer, kind) => {
  const valueSerde: PartsSerde<Buffer> = { ...bytesSerde, name: 'grown', serializeParts: () => answer as never }
  const spec = keyValueStore({
    ...{ name: 's', keySerde: bytesSerde, valueSerde, changelogParts: true, immutableValues: true },
  })
  const store = createStore(spec, await memoryBackends().open('0_0', 's', backendOptions(spec)), context)
  const rows = store.api as KeyValueStore<Buffer, Buffer>
  rows.put(Buffer.from('k'), NO_PARTS)
  expect(() => store.freeze(() => undefined)).toThrow(
    `store s: serde grown cannot serialise a value for s: serializeParts() must return a Buffer or what growParts() made, not ${kind}`,
  )
})

it('a row whose bytes an earlier serde wrote loses its former parts in the changelog with its first change', async () => {
  const log: RestoredRecord[] = []
  const disk = memoryBackends({ durable: true })
  // Reads lists that were one text, and writes a part for each item.
  const listSerde: Serde<readonly string[]> = {
    serialize: (_topic, items) => packParts(items.map((item) => ({ name: item, value: Buffer.from(item) }))),
    deserialize: (_topic, bytes) =>
      partsOf(bytes).flatMap(({ name, value }) => (name === '' ? String(value).split(',') : [name])),
  }
  const spec = keyValueStore({
    ...{ name: 's', keySerde: bytesSerde, valueSerde: listSerde, changelogParts: true },
    // The store keeps the lists themselves, not their bytes.
    immutableValues: true,
  })
  const open = async () => createStore(spec, await disk.open('0_0', 's', backendOptions(spec)), context)
  const store = await open()
  await store.restore([{ key: Buffer.from('k'), value: Buffer.from('a,b'), timestamp: 3, headers: NO_HEADERS }], 1)
  const rows = store.api as KeyValueStore<Buffer, readonly string[]>
  const add = async (item: string) => {
    rows.put(Buffer.from('k'), [...(rows.get(Buffer.from('k')) ?? []), item])
    store.freeze((key, value, timestamp, headers) => {
      const bytes = value === null ? null : Buffer.from(value as Buffer)
      log.push({ key: Buffer.from(key, 'latin1'), value: bytes, timestamp, headers })
    })
    await store.settle(log.length)
    return log.splice(0).map(({ key, value }) => [key.toString('latin1'), value?.toString() ?? null])
  }
  expect(await add('c')).toEqual([
    ['k', null],
    ['k\xffa', 'a'],
    ['k\xffb', 'b'],
    ['k\xffc', 'c'],
  ])
  expect(await add('d')).toEqual([['k\xffd', 'd']])
})

it('a row without parts, or of bytes that are no parts, is refused: its changelog could not have it', async () => {
  const bench = await new Bench().open()
  bench.put('k', {})
  await expect(bench.commit()).rejects.toThrow(SerdeError)
  bench.store.discard()
  const rows = bench.store.api as TimestampedKeyValueStore<Buffer, Buffer>
  rows.put(Buffer.from('k'), { value: Buffer.of(1, 2), timestamp: 1 })
  await expect(bench.commit()).rejects.toThrow(SerdeError)
})
