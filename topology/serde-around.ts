import type { Headers } from '../state/ports/headers.ts'
import type { Serde } from '../state/ports/serde.ts'

/** The part of a serde that its own type of values does not touch. */
type Preparable = Pick<Serde<unknown>, 'prepare' | 'prepareRecords' | 'writtenHeaders' | 'keptHeaders'>

/**
 * A serde whose bytes contain those of `inner`, and that is prepared as `inner` is. The bytes of `inner` are found by reading with a
 * serde in its place that only keeps them, so no format has to be known twice.
 * @param around makes the serde
 */
export function serdeAround<I, S extends Pick<Serde<unknown>, 'deserialize'> & Preparable>(
  inner: Serde<I>,
  around: (inner: Serde<I>) => S,
): S {
  const serde = around(inner)
  const { prepareRecords } = inner
  if (inner.prepare !== undefined) serde.prepare = (topic, use) => (inner as Required<Serde<I>>).prepare(topic, use)
  if (inner.writtenHeaders !== undefined)
    serde.writtenHeaders = (topic, headers) => (inner as Required<Serde<I>>).writtenHeaders(topic, headers)
  if (inner.keptHeaders !== undefined)
    serde.keptHeaders = (headers) => (inner as Required<Serde<I>>).keptHeaders(headers)
  if (prepareRecords === undefined) return serde
  let found: Buffer[] = []
  const finder = around({
    serialize: () => '',
    deserialize(_topic, bytes) {
      found.push(bytes)
      return null as I
    },
  })
  serde.prepareRecords = (topic, records, headers) => {
    const all: Buffer[] = []
    const headersOfAll: Headers[] = []
    for (const [i, record] of records.entries()) {
      found = []
      find(finder, topic, record)
      all.push(...found)
      if (headers !== undefined) headersOfAll.push(...found.map(() => headers[i] as Headers))
    }
    return all.length === 0
      ? null
      : prepareRecords.call(inner, topic, all, headers === undefined ? headers : headersOfAll)
  }
  return serde
}

/** The same serde for bytes whose record has headers of another one: what it would keep there stands in its bytes. */
export function withoutHeaders<T>(inner: Serde<T>): Serde<T> {
  const { name, writtenHeaders, keptHeaders } = inner
  if (writtenHeaders === undefined && keptHeaders === undefined) return inner
  const serde: Serde<T> = {
    ...(name !== undefined && { name }),
    serialize: (topic, value) => inner.serialize(topic, value),
    deserialize: (topic, bytes) => inner.deserialize(topic, bytes),
  }
  if (inner.prepare !== undefined) serde.prepare = (topic, use) => (inner as Required<Serde<T>>).prepare(topic, use)
  if (inner.prepareRecords !== undefined)
    serde.prepareRecords = (topic, records) => (inner as Required<Serde<T>>).prepareRecords(topic, records)
  return serde
}

/** Has a serde prepare the several that it contains. */
export function preparedWith<S extends Preparable>(serde: S, inners: readonly Preparable[]): S {
  const prepared = inners.filter(({ prepare }) => prepare !== undefined)
  if (prepared.length === 0) return serde
  serde.prepare = async (topic, use) => {
    for (const inner of prepared) await inner.prepare?.(topic, use)
  }
  return serde
}

function find(finder: Pick<Serde<unknown>, 'deserialize'>, topic: string, record: Buffer): void {
  try {
    finder.deserialize(topic, record)
  } catch {
    // A damaged record: reading it fails again, where its exception handler decides.
  }
}
