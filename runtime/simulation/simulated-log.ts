import { decodeRow } from '../../state/layers/row-codec.ts'
import type { BackendFactory } from '../../state/ports/backend.ts'
import type { Headers } from '../../state/ports/headers.ts'
import type { WindowSpec } from '../../state/ports/store-spec.ts'
import { takePart } from '../../state/stores/changelog-parts.ts'
import { KEPT_NUMBERS_KEY } from '../../state/stores/kept-numbers.ts'
import { SEGMENT_BYTES } from '../../state/stores/segments.ts'
import { readNote } from '../../state/stores/store-note.ts'
import type { Plan } from '../../topology/plan.ts'
import type { MemoryCluster } from '../memory/cluster.ts'
import { PartitionLog } from '../memory/partition-log.ts'
import type { LogRecord, TopicPartition } from '../ports/log.ts'
import { partitionForKey } from '../task/partitioner.ts'
import type { Scheduler } from './scheduler.ts'

const KEPT_NUMBERS = KEPT_NUMBERS_KEY.toString('latin1')

/** A record to produce; partition null = by key. */
export interface WorldInput {
  readonly topic: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly timestamp: number
  readonly partition: number | null
  readonly headers?: Headers
}

/** The in-memory cluster of a simulation as a judge sees it: what is committed, and what stores must be. */
export class SimulatedLog {
  readonly plan: Plan
  readonly scheduler: Scheduler
  readonly cluster: MemoryCluster

  constructor(plan: Plan, scheduler: Scheduler, cluster: MemoryCluster) {
    this.plan = plan
    this.scheduler = scheduler
    this.cluster = cluster
  }

  /** All source partitions, those of internal topics included. */
  get sources(): readonly TopicPartition[] {
    return this.plan.subtopologies.flatMap(({ sourceTopics }) =>
      sourceTopics.flatMap((topic) =>
        Array.from({ length: this.cluster.partitions(topic) ?? 0 }, (_, partition) => ({ topic, partition })),
      ),
    )
  }

  /** Appends input; inside an aborted transaction of a foreign producer when `aborted`. */
  produce(input: WorldInput, aborted: boolean): void {
    const count = this.cluster.partitions(input.topic) ?? 1
    const partition =
      input.partition === null ? partitionForKey(input.key ?? Buffer.alloc(0), count) : input.partition % count
    const record = { key: input.key, value: input.value, timestamp: input.timestamp, headers: input.headers ?? [] }
    if (!aborted) {
      this.cluster.append({ topic: input.topic, partition }, [record])
      return
    }
    try {
      const session = this.cluster.initProducerId('foreign')
      this.cluster.produce(session, { topic: input.topic, partition }, [record])
      this.cluster.endTxn(session, 'abort')
    } catch {
      // Its last abort is still being written; another record will be aborted instead.
    }
  }

  /** Committed records of a topic, partition by partition in offset order. */
  committed(topic: string): (LogRecord & TopicPartition)[] {
    const records: (LogRecord & TopicPartition)[] = []
    for (let partition = 0; partition < (this.cluster.partitions(topic) ?? 0); partition++) {
      records.push(...this.committedOf({ topic, partition }))
    }
    return records
  }

  committedOf({ topic, partition }: TopicPartition): (LogRecord & TopicPartition)[] {
    const log = this.cluster.log({ topic, partition })
    // The oracle's own abort filter: the next marker of a producer decides. It also sees committed records after an open
    // transaction, which readers do not see yet.
    const { batches } = PartitionLog.prototype.fetch.call(log, 0, Number.POSITIVE_INFINITY, 'read_uncommitted')
    const decisions = new Map<number, 'commit' | 'abort'>()
    const committed: (LogRecord & TopicPartition)[][] = []
    for (const { marker, producerId, transactional, records } of [...batches].reverse()) {
      if (marker !== null) decisions.set(producerId, marker)
      else if (!transactional || decisions.get(producerId) === 'commit')
        committed.push(records.map((record) => ({ ...record, topic, partition })))
    }
    return committed.reverse().flat()
  }

  /** Invariant: each store on a disk equals the fold of its committed changelog up to the position it claims. In words, [] = holds. */
  async storeDifferencesOn(disk: BackendFactory): Promise<string[]> {
    const differences: string[] = []
    // A transaction is committed with its coordinator's decision; readers see it with the markers.
    this.scheduler.finishBackground()
    for (const { id, stores } of this.plan.subtopologies) {
      for (const { spec, changelogTopic } of stores) {
        if (changelogTopic === null) continue
        for (let partition = 0; partition < (this.cluster.partitions(changelogTopic) ?? 0); partition++) {
          const backend = await disk.open(`${id}_${partition}`, spec.name, { keyIndex: true })
          const position = backend.position() ?? 0
          const expected = new Map<string, string>()
          const inParts = new Map<string, Buffer | null>()
          let kept: string | null = null
          for (const { offset, key, value } of this.committedOf({ topic: changelogTopic, partition })) {
            if (offset >= position) break
            const name = (key ?? Buffer.alloc(0)).toString('latin1')
            if (name === KEPT_NUMBERS) kept = String(value)
            else if (spec.kind === 'key-value' && spec.changelogParts === true)
              takePart(inParts, key ?? Buffer.alloc(0), value)
            else if (value === null) expected.delete(name)
            else expected.set(name, value.toString('latin1'))
          }
          for (const [name, row] of inParts) if (row !== null) expected.set(name, row.toString('latin1'))
          const actual = new Map<string, string>()
          const isWindow = spec.kind === 'window'
          // Rows of window stores are prefixed by their segment on disk.
          for (const key of backend.keys({}))
            actual.set(isWindow ? key.slice(SEGMENT_BYTES) : key, rowValue(backend.get(key)))
          if (isWindow) forgetExpired(expected, spec, actual)
          if (kept !== null) expected.set(KEPT_NUMBERS, kept)
          // On disk the kept numbers are not a row: they are in the note, after the observed stream time.
          const { numbers } = readNote(backend.note())
          if (numbers !== null && numbers !== '{}') actual.set(KEPT_NUMBERS, numbers)
          for (const key of new Set([...expected.keys(), ...actual.keys()])) {
            if (expected.get(key) !== actual.get(key)) {
              differences.push(
                `${spec.name} of ${id}_${partition} at ${position}, key ${key}: ${actual.get(key)}, changelog has ${expected.get(key)}`,
              )
            }
          }
        }
      }
    }
    return differences
  }

  /** Every source partition is committed up to its end and nothing is open. */
  isDrained(sources: readonly TopicPartition[]): boolean {
    try {
      const committed = this.cluster.committedOffsets(this.plan.applicationId, sources)
      const offsets = new Map(committed.map(({ topic, partition, offset }) => [`${topic}:${partition}`, offset]))
      return sources.every((source) => {
        const log = this.cluster.log(source)
        const end = log.highWatermark
        return log.lastStableOffset === end && (offsets.get(`${source.topic}:${source.partition}`) ?? 0) === end
      })
    } catch {
      // Offsets of an open transaction: not drained.
      return false
    }
  }
}

/** The value bytes of a row on disk, as a binary string. */
function rowValue(row: Buffer | undefined): string {
  return row === undefined ? '(gone)' : String(decodeRow(row).value?.toString('latin1'))
}

/** Expired windows leave the disk unlogged: those that may have are not expected, unless they are still there. */
function forgetExpired(expected: Map<string, string>, spec: WindowSpec, actual: ReadonlyMap<string, string>): void {
  const start = (key: string): number => Number(Buffer.from(key, 'latin1').readBigInt64BE(key.length - 12))
  const newest = Math.max(...[...expected.keys()].map(start))
  for (const key of [...expected.keys()])
    if (!actual.has(key) && start(key) <= newest + spec.windowSizeMs - spec.retentionMs) expected.delete(key)
}
