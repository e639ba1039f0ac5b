import { MemoryCluster } from '../../runtime/memory/cluster.ts'
import { MemoryBatch } from '../../runtime/memory/memory-batch.ts'
import { MemoryWriter, type MemoryWriterOptions } from '../../runtime/memory/memory-writer.ts'
import { PartitionLog } from '../../runtime/memory/partition-log.ts'
import type { CommitRequest, EndPositions } from '../../runtime/ports/log.ts'
import type { Mutants } from '../../runtime/simulation/world.ts'
import { CommitFailedError } from '../../state/ports/errors.ts'
import type { ManagedStore } from '../../state/ports/managed-store.ts'

/** Commits the offsets on their own, then the outputs: a crash between the two loses records. */
export class OffsetsFirstWriter extends MemoryWriter {
  readonly #options: MemoryWriterOptions

  constructor(options: MemoryWriterOptions) {
    super(options)
    this.#options = options
  }

  override newBatch(): MemoryBatch {
    return new MemoryBatch()
  }

  override async commit(request: CommitRequest): Promise<EndPositions> {
    const { network, client, cluster } = this.#options
    const member = request.group()
    if (member === null) throw new CommitFailedError('no member')
    try {
      await network.call(client, 'offsets', () => cluster.offsetCommit(member, request.offsets))
    } catch (error) {
      throw new CommitFailedError('offsets failed', { cause: error })
    }
    return await super.commit({ ...request, offsets: [] })
  }
}

/** A log that does not tell which transactions were aborted: readers see everything. */
export class UnfilteredLog extends PartitionLog {
  override fetch(...args: Parameters<PartitionLog['fetch']>): ReturnType<PartitionLog['fetch']> {
    return { ...super.fetch(...args), aborted: [] }
  }
}

/** A group coordinator that accepts offsets from anybody, as a client gets it that commits without member id and generation. */
class TrustingCluster extends MemoryCluster {
  override txnOffsetCommit(...[session, group, offsets]: Parameters<MemoryCluster['txnOffsetCommit']>): void {
    super.txnOffsetCommit(session, { ...group, ...this.member(group.groupId) }, offsets)
  }
}

/** Writes the frozen rows at once instead of after the commit. */
export function eagerStore(store: ManagedStore): ManagedStore {
  const mutated: Partial<ManagedStore> = {
    freeze(sink) {
      store.freeze(sink)
      void store.settle(store.position() ?? 0)
    },
    async settle() {
      // Done already.
    },
  }
  return new Proxy(store, {
    get(target, name: keyof ManagedStore) {
      const member: unknown = mutated[name] ?? target[name]
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

/** Every bug the simulation must find, by what is wrong with it. */
export const MUTANTS: ReadonlyArray<readonly [name: string, mutants: Mutants]> = [
  ['offsets committed before outputs', { writer: (options) => new OffsetsFirstWriter(options) }],
  ['no abort filter', { newLog: () => new UnfilteredLog() }],
  ['offsets accepted from a zombie', { newCluster: (...given) => new TrustingCluster(...given) }],
  ['store written before the commit', { store: eagerStore }],
]
