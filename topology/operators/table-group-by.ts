import { StreamsTopologyError, UserCodeError } from '../../state/ports/errors.ts'
import type { Headers } from '../../state/ports/headers.ts'
import { shownKind } from '../../state/ports/serde.ts'
import { answerOf } from '../../state/ports/thenable.ts'
import type { Processor, ProcessorContext, ProcessorSupplier } from '../processor.ts'
import { record, type StreamRecord } from '../record.ts'
import { type Change, change } from './change.ts'
import { GroupSums, type Sums } from './group-sums.ts'

export type KeyValueSelector<K, V, KR, VR> = (key: K, value: V) => readonly [KR | null, VR | null] | null

/**
 * Sends the old and the new value of a row to the groups they belong to: as one record when both belong to
 * the same group, else the old one first. A row for which the selector gives null, or a null key or value, is in no group.
 * With `sums`, all that a group gets between two commits is one record: the sum of new values less the sum of old ones.
 */
export class TableGroupBy<K, V, KR, VR> implements Processor<K, Change<V>, KR, Change<VR>> {
  readonly #select: KeyValueSelector<K, V, KR, VR>
  readonly #versioned: boolean
  readonly #sums: GroupSums<KR, NonNullable<VR>> | null
  #context!: ProcessorContext<KR, Change<VR>>

  constructor(select: KeyValueSelector<K, V, KR, VR>, versioned: boolean, sums: Sums<NonNullable<VR>> | undefined) {
    this.#select = select
    this.#versioned = versioned
    this.#sums = sums === undefined ? null : new GroupSums(sums)
  }

  init(context: ProcessorContext<KR, Change<VR>>): void {
    this.#context = context
    if (this.#sums !== null) context.beforeCommit(() => this.#sendSums())
  }

  process({ key, value, timestamp, headers }: StreamRecord<K, Change<V>>): void {
    if (key === null) throw new StreamsTopologyError('a record of a table that is grouped has a null key')
    // The aggregate is over the latest versions only.
    if (this.#versioned && !value.isLatest) return
    const next = value.newValue === null ? null : this.#selected(key, value.newValue)
    const old = value.oldValue === null ? null : this.#selected(key, value.oldValue)
    const nextKey = next === null || next[1] === null ? null : next[0]
    const oldKey = old === null || old[1] === null ? null : old[0]
    const newPart = next?.[1] ?? null
    const oldPart = old?.[1] ?? null
    if (nextKey !== null && oldKey !== null && sameKey(nextKey, oldKey)) {
      this.#send(nextKey, newPart, oldPart, value.isLatest, timestamp, headers)
      return
    }
    if (oldKey !== null) this.#send(oldKey, null, oldPart, value.isLatest, timestamp, headers)
    if (nextKey !== null) this.#send(nextKey, newPart, null, value.isLatest, timestamp, headers)
  }

  #send(
    key: KR,
    newPart: NonNullable<VR> | null,
    oldPart: NonNullable<VR> | null,
    isLatest: boolean,
    timestamp: number,
    headers: Headers,
  ): void {
    if (this.#sums !== null && GroupSums.takes(key)) this.#sums.note(key, newPart, oldPart, timestamp, headers)
    else this.#context.forward(record(key, change<VR>(newPart, oldPart, isLatest), timestamp, headers))
  }

  #sendSums(): void {
    for (const [key, { sum, timestamp, headers }] of this.#sums?.take() ?? []) {
      const part = answerOf('the sums of', sum, this.#context.nodeName)
      this.#context.forward(record(key, change<VR>(part, null), timestamp, headers))
    }
  }

  #selected(key: K, value: V): readonly [KR | null, VR | null] | null {
    const answer = answerOf('the selector of', this.#select(key, value), this.#context.nodeName)
    if (answer === null || Array.isArray(answer)) return answer
    throw new UserCodeError(
      `the selector of ${this.#context.nodeName} must return [key, value] or null, not ${shownKind(answer)}`,
    )
  }
}

/** Keys are equal by value: primitives directly, byte arrays by content, other objects field by field. */
function sameKey(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every((key) => sameKey((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]))
}

export function tableGroupBySupplier<K, V, KR, VR>(
  select: KeyValueSelector<K, V, KR, VR>,
  mode: { readonly versioned: boolean },
  sums: Sums<NonNullable<VR>> | undefined,
): ProcessorSupplier<K, Change<V>, KR, Change<VR>> {
  return () => new TableGroupBy(select, mode.versioned, sums)
}
