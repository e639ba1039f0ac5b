import type { LogAdmin, LogReader, LogRecord, TopicPartition } from '../../../runtime/ports/log.ts'
import type { RecordPlace } from '../../../runtime/task/poisoned-records.ts'
import {
  callName,
  type RecordedAnswers,
  type RecordedCalls,
  type RecordedEnd,
  readEnd,
} from '../../../runtime/task/recorded-answers.ts'
import { StreamsError } from '../../../state/ports/errors.ts'
import { NO_HEADERS } from '../../../state/ports/headers.ts'
import type { Serde } from '../../../state/ports/serde.ts'
import { partitionKey } from '../../../state/ports/topic-partition.ts'
import { type CallingNode, callersOf } from '../../../topology/calls-of-plan.ts'
import { callInRow, sequenceSerde, sourceInRow } from '../../../topology/operators/unanswered-row.ts'
import type { Plan } from '../../../topology/plan.ts'
import { scanSpans, spansIn } from '../topics/log-scan.ts'
import { decodeEnds, encodeEnds } from './ends-codec.ts'
import type { RowTable } from './row-table.ts'
import type { Scratch } from './scratch.ts'

export interface AnswerLogOptions {
  readonly plan: Plan
  /** topic -> partition count. */
  readonly partitions: ReadonlyMap<string, number>
  readonly admin: LogAdmin
  readonly reader: LogReader
  readonly scratch: Scratch
  readonly signal: AbortSignal
  /** Gives the end of a call of which none is recorded. May throw: then the input is not processed. */
  readonly onMissing: (node: string, place: RecordPlace | null) => RecordedEnd
  /** A call has this recorded end, or none yet. */
  readonly onTaken?: (node: string, end: RecordedEnd | 'unanswered') => void
}

/** Accept the loss, or give up: what a call was answered is not recorded, and nothing else may be asked. */
export class AnswerGoneError extends StreamsError {
  /** @param place null: the record is of a repartition topic, or no input record is behind it */
  constructor(node: string, place: RecordPlace | null) {
    const about = place === null ? 'a record' : `${place.topic}:${place.partition}:${place.offset}`
    super(
      'ANSWER_GONE',
      `the answer that ${node} got about ${about} is not recorded (removed by retention, or given before answers were recorded): what followed from it would be missing; --accept-loss replays what is left`,
    )
  }
}

/*
 * The ends of calls that an application has recorded, and its unanswered calls.
 * 1. Unanswered calls are read before ends, so a call that is answered meanwhile is never missed.
 * 2. Ends are kept in the scratch directory by the name of their call. Of a call about an input record the last end counts. Calls about
 *    equal records share a name, and each end is taken once, in the order of the log.
 */
export class AnswerLog implements RecordedAnswers {
  readonly #options: AnswerLogOptions
  readonly #nodes: readonly NodeAnswers[]

  constructor(options: AnswerLogOptions) {
    this.#options = options
    this.#nodes = callersOf(options.plan).map((node) => new NodeAnswers(node, options))
  }

  /** Reads what was recorded since the last call. */
  async load(): Promise<void> {
    for (const node of this.#nodes) await node.load()
    await this.#options.scratch.flush()
  }

  of(name: string, partition: number): RecordedCalls {
    const node = this.#nodes.find((one) => one.name === name)
    if (node === undefined) throw new RangeError(`${name} makes no calls`)
    return node.of(partition)
  }
}

/** The ends and the unanswered calls of one node. */
class NodeAnswers {
  readonly name: string
  readonly #node: CallingNode
  readonly #options: AnswerLogOptions
  /** Where the next load() begins. */
  readonly #positions = new Map<string, number>()
  readonly #waiting = new Map<number, WaitingCalls>()
  readonly #tables = new Map<number, RowTable>()

  constructor(node: CallingNode, options: AnswerLogOptions) {
    this.name = node.name
    this.#node = node
    this.#options = options
  }

  async load(): Promise<void> {
    const { calls, subtopology } = this.#node
    const store = subtopology.stores.find(({ spec }) => spec.name === calls.store)
    const isInput = (topic: string): boolean => !subtopology.repartitionSourceTopics.includes(topic)
    await this.#scan(store?.changelogTopic ?? null, (partition, { key, value }) => {
      if (key !== null) this.#waitingIn(partition).set(key, value, isInput)
    })
    const topic = calls.answers?.topic ?? null
    const count = topic === null ? 0 : (this.#options.partitions.get(topic) ?? 0)
    const all = Array.from({ length: count }, (_, partition) => ({ topic: topic ?? '', partition }))
    await this.#options.scratch.openTables(all)
    for (const at of all) this.#tables.set(at.partition, this.#options.scratch.table(at))
    if (topic !== null) await calls.answers?.serde.prepare?.(topic, 'store')
    await this.#scan(
      topic,
      (partition, { value, headers }) => {
        const [name, end] = readEnd(value, headers) ?? []
        if (name === undefined || end === undefined) return
        const before = isShared(name) ? this.#ends(partition, name) : []
        this.#keep(partition, name, [...before, end])
      },
      calls.answers?.serde,
    )
  }

  of(partition: number): RecordedCalls {
    return {
      take: (name, place) => {
        const { onMissing, onTaken } = this.#options
        const [end, ...rest] = this.#ends(partition, name)
        if (end === undefined && !this.#waitingIn(partition).has(name))
          return onMissing(this.name, isShared(name) ? null : place)
        if (end !== undefined && isShared(name)) this.#keep(partition, name, rest)
        onTaken?.(this.name, end ?? 'unanswered')
        return end ?? 'unanswered'
      },
      giveBack: (name, end) => {
        if (isShared(name)) this.#keep(partition, name, [end, ...this.#ends(partition, name)])
      },
      sequenceOf: (name) =>
        this.#ends(partition, name).length > 0 ? null : this.#waitingIn(partition).takeSequence(name),
    }
  }

  #ends(partition: number, name: string): readonly RecordedEnd[] {
    const row = this.#tables.get(partition)?.get(Buffer.from(name).toString('latin1')) ?? null
    return row?.value == null ? [] : decodeEnds(row.value)
  }

  #keep(partition: number, name: string, ends: readonly RecordedEnd[]): void {
    this.#tables.get(partition)?.put(name, ends.length === 0 ? null : encodeEnds(ends), 0, NO_HEADERS)
  }

  #waitingIn(partition: number): WaitingCalls {
    const known = this.#waiting.get(partition) ?? new WaitingCalls(this.name, partition)
    this.#waiting.set(partition, known)
    return known
  }

  /** Reads what a topic, if it is there, holds beyond the last scan. */
  async #scan(
    topic: string | null,
    take: (partition: number, record: LogRecord) => void,
    serde?: Serde<unknown>,
  ): Promise<void> {
    const { admin, reader, signal, scratch } = this.#options
    if (topic === null) return
    const { partitions = 0 } = (await admin.describeTopics([topic])).get(topic) ?? {}
    const all = Array.from({ length: partitions }, (_, partition): TopicPartition => ({ topic, partition }))
    const spans = (await spansIn(admin, all)).map((span) => {
      const from = Math.max(span.from, this.#positions.get(partitionKey(span)) ?? 0)
      this.#positions.set(partitionKey(span), span.to)
      return { ...span, from }
    })
    for await (const { partition, records } of scanSpans({ admin, reader, spans, signal })) {
      if (serde !== undefined) await serde.prepareRecords?.(topic, valuesOf(records))
      for (const record of records) take(partition, record)
      await scratch.flush()
    }
    signal.throwIfAborted()
  }
}

function valuesOf(records: readonly LogRecord[]): readonly Buffer[] {
  return records.flatMap(({ value }) => value ?? [])
}

/** Calls about equal records have the same name, which is a digest. */
function isShared(name: string): boolean {
  return name.startsWith('~')
}

/** The unanswered calls of one node in one partition, as its store's changelog tells them. */
class WaitingCalls {
  readonly #node: string
  readonly #partition: number
  /** Names by the row's key. */
  readonly #rows = new Map<string, string>()
  readonly #byName = new Map<string, NamedCalls>()

  constructor(node: string, partition: number) {
    this.#node = node
    this.#partition = partition
  }

  set(key: Buffer, row: Buffer | null, isInput: (topic: string) => boolean): void {
    const rowKey = key.toString('latin1')
    const sequence = sequenceSerde.deserialize('', key)
    const before = this.#rows.get(rowKey)
    if (before !== undefined) this.#remove(rowKey, before, sequence)
    if (row === null) return
    // A copy: the record is a view into the whole answer.
    const call = callInRow(this.#node, this.#partition, sequence, Buffer.from(row))
    const name = callName(call, sourceInRow(call), isInput(call.topic))
    this.#rows.set(rowKey, name)
    const named = this.#byName.get(name) ?? { rows: 0, free: [] }
    this.#byName.set(name, named)
    named.rows++
    named.free.push(sequence)
  }

  has(name: string): boolean {
    return this.#byName.has(name)
  }

  takeSequence(name: string): number | null {
    return this.#byName.get(name)?.free.shift() ?? null
  }

  #remove(rowKey: string, name: string, sequence: number): void {
    this.#rows.delete(rowKey)
    const named = this.#byName.get(name)
    if (named === undefined) return
    named.rows--
    named.free = named.free.filter((one) => one !== sequence)
    if (named.rows === 0) this.#byName.delete(name)
  }
}

/** Unanswered calls of one name. */
interface NamedCalls {
  rows: number
  /** Sequences that no call has been given yet. */
  free: number[]
}
