import { fromBinary, toBinary } from '../keys/binary-key.ts'
import { StreamsConfigError } from '../ports/errors.ts'
import type { Header } from '../ports/headers.ts'
import type { StoredRow } from '../ports/questions.ts'
import { isAscii, type Serde } from '../ports/serde.ts'
import { type StoreSpec, serdeTopicOf } from '../ports/store-spec.ts'
import type { Windowed } from '../ports/stores.ts'

/** Converts between the types of a store's serdes and the serialised form that crosses threads. */
export class StoreCodec {
  readonly spec: StoreSpec
  readonly #topic: string
  #writesKeys: boolean

  constructor(spec: StoreSpec) {
    this.spec = spec
    this.#topic = serdeTopicOf(spec)
    this.#writesKeys = spec.keySerde.prepare === undefined
  }

  /** Whether the key serde can write now. If not, call prepareKeys(). A query that need not wait goes on in the same step. */
  get writesKeys(): boolean {
    return this.#writesKeys
  }

  async prepareKeys(): Promise<void> {
    await this.spec.keySerde.prepare?.(this.#topic, 'store')
    this.#writesKeys = true
  }

  /** Null: the serdes can read these rows now. Rows come from other threads, whose serdes are not ours. */
  prepareRows(rows: readonly StoredRow[]): Promise<void> | null {
    const { keySerde, valueSerde } = this.spec
    if (keySerde.prepareRecords === undefined && valueSerde.prepareRecords === undefined) return null
    const keys =
      keySerde.prepareRecords?.(
        this.#topic,
        rows.map(({ key }) => fromBinary(key)),
      ) ?? null
    const values =
      valueSerde.prepareRecords?.(
        this.#topic,
        rows.map(({ value }) => fromBinary(value)),
      ) ?? null
    if (keys === null || values === null) return keys ?? values
    return Promise.all([keys, values]).then(() => undefined)
  }

  /** @throws StreamsConfigError when the key serde cannot write it */
  encodeKey(key: unknown): string {
    return toBinary(serializeKey(this.spec.keySerde, this.#topic, key, `store ${this.spec.name}`))
  }

  decodeKey(binary: string): unknown {
    return this.#decode(this.spec.keySerde, binary)
  }

  /** The row's key in the form of the store's API: with its window where the rows have windows. */
  key({ key, window }: StoredRow): unknown {
    const decoded = this.decodeKey(key)
    return window === undefined ? decoded : ({ key: decoded, window } satisfies Windowed<unknown>)
  }

  /** The row's value in the form of the store's API. */
  stored({ value: bytes, timestamp, validTo, headers = [] }: StoredRow): unknown {
    const value = this.#decode(this.spec.valueSerde, bytes)
    if (this.spec.kind === 'versioned') return { value, timestamp, validTo: validTo ?? null }
    if (this.spec.kind === 'session' || !this.spec.timestamped) return value
    return this.spec.headers === true ? { value, timestamp, headers: headers.map(headerOf) } : { value, timestamp }
  }

  #decode(serde: Serde<unknown>, binary: string): unknown {
    // ASCII text is its own binary form.
    if (serde.deserializeText !== undefined && isAscii(binary)) return serde.deserializeText(this.#topic, binary)
    return serde.deserialize(this.#topic, fromBinary(binary))
  }
}

/** @throws StreamsConfigError that says whose key it is */
export function serializeKey(
  serde: Pick<Serde<unknown>, 'serialize'>,
  topic: string,
  key: unknown,
  whose: string,
): Buffer | string {
  if (key === null || key === undefined) throw new StreamsConfigError(`${whose}: a key is missing`)
  let bytes: unknown
  try {
    bytes = serde.serialize(topic, key)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new StreamsConfigError(`${whose}: its key serde cannot write ${described(key)}: ${why}`, { cause })
  }
  if (typeof bytes === 'string' || Buffer.isBuffer(bytes)) return bytes
  if (bytes instanceof Uint8Array) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  throw new StreamsConfigError(`${whose}: its key serde cannot write ${described(key)}`)
}

/** Keys may hold private data: the kind of value is enough to find the fault. */
function described(key: unknown): string {
  if (typeof key === 'number' || typeof key === 'bigint') return `the ${typeof key} ${key}`
  if (typeof key === 'object')
    return `a key like {${Object.keys(key as object)
      .slice(0, 5)
      .join(', ')}}`
  return `a ${typeof key}`
}

function headerOf([key, value]: readonly [string, string | null]): Header {
  return { key, value: value === null ? null : fromBinary(value) }
}
