import { StreamsTopologyError } from '../state/ports/errors.ts'
import type { Headers } from '../state/ports/headers.ts'
import { bufferOf, checkedSerialized, type Serde, type Serialized } from '../state/ports/serde.ts'
import { preparedWith } from './serde-around.ts'

/**
 * State that outlives the type of its values. A program that changes the type raises `version` and says in `migrate` how a value of
 * an older version becomes one of this version. Rows are migrated when they are read, on disk, in changelogs and on standbys alike,
 * so instances of both programs can run beside each other while the new one is rolled out. A row is written in the new version with
 * its next update. Kafka Streams leaves all of this to the serde.
 */
export interface ValueVersions<V> {
  /** Version of the values that this program writes, from 2 to 255. Rows written without a version are version 1. */
  readonly version?: number | undefined
  /** Must be pure. Needed from version 2 on. */
  readonly migrate?: ((old: unknown, version: number) => V) | undefined
  /** Serdes of older versions that the store's own serde cannot read. */
  readonly olderSerdes?: Readonly<Record<number, Serde<unknown>>> | undefined
}

/** Bytes that UTF-8 never has, so that no text is taken for a versioned value. The version follows in one byte. */
const MARK = Buffer.from([0xf5, 0xc1, 0xfe])
const PREFIX_BYTES = MARK.length + 1
const FIRST_VERSION = 1
const LAST_VERSION = 255

/** The serde of the store's rows. Without a version it is the serde itself. @throws StreamsTopologyError */
export function versionedValues<V>(store: string, serde: Serde<V>, versions: ValueVersions<V>): Serde<V> {
  const { version = FIRST_VERSION, migrate } = versions
  if (!Number.isInteger(version) || version < FIRST_VERSION || version > LAST_VERSION)
    throw new StreamsTopologyError(`store ${store}: version must be a whole number from 1 to 255, not ${version}`)
  if (version === FIRST_VERSION) return serde
  if (migrate === undefined)
    throw new StreamsTopologyError(`store ${store}: version ${version} needs migrate(old, version) for older rows`)
  const versioned = new VersionedValues(serde, { ...versions, version, migrate })
  return preparedWith(versioned, [serde, ...Object.values(versions.olderSerdes ?? {})])
}

interface KnownVersions<V> extends ValueVersions<V> {
  readonly version: number
  readonly migrate: (old: unknown, version: number) => V
}

class VersionedValues<V> implements Serde<V> {
  readonly name: string
  prepare?: NonNullable<Serde<V>['prepare']>
  readonly #serde: Serde<V>
  readonly #versions: KnownVersions<V>
  readonly #prefix: Buffer

  constructor(serde: Serde<V>, versions: KnownVersions<V>) {
    this.name = serde.name ?? ''
    this.#serde = serde
    this.#versions = versions
    this.#prefix = Buffer.concat([MARK, Buffer.of(versions.version)])
  }

  serialize(topic: string, value: V, headers?: Headers): Serialized {
    const bytes = bufferOf(checkedSerialized(this.#serde.serialize(topic, value, headers)))
    return Buffer.concat([this.#prefix, bytes])
  }

  deserialize(topic: string, bytes: Buffer, headers?: Headers): V {
    const { version, migrate, olderSerdes } = this.#versions
    const isMarked = bytes.length >= PREFIX_BYTES && MARK.equals(bytes.subarray(0, MARK.length))
    const found = isMarked ? (bytes[MARK.length] as number) : FIRST_VERSION
    const content = isMarked ? bytes.subarray(PREFIX_BYTES) : bytes
    if (found === version) return this.#serde.deserialize(topic, content, headers)
    if (found > version) throw new RangeError(`the row has version ${found}, and this program knows ${version}`)
    return migrate((olderSerdes?.[found] ?? this.#serde).deserialize(topic, content, headers), found)
  }
}
