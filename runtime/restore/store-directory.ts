import type { StoreSpec } from '../../state/ports/store-spec.ts'
import { StoreCodec } from '../../state/stores/store-codec.ts'
import type { Plan, StreamPartitioner, Subtopology } from '../../topology/plan.ts'
import type { GroupKnowledge } from '../assignment/types.ts'
import { type KeyQueryMetadata, NoSuchStoreError, type TaskHost } from '../ports/instance.ts'
import type { TopicPartition } from '../ports/log.ts'
import type { Assignment, TaskPartitions } from '../ports/membership.ts'
import { type KeyRoute, keyRoute } from '../queries/key-routes.ts'
import { windowedKey } from '../queries/windowed-key.ts'
import { compareTaskIds, GLOBAL_TASK_ID } from '../task/task-id.ts'

/** The place of a store in the whole application. */
export interface StorePlace {
  /** Task ids by partition; for a global store GLOBAL_TASK_ID alone. */
  readonly tasks: readonly string[]
  readonly changelogTopic: string | null
  /** null: a global store. */
  readonly subtopology: Subtopology | null
  readonly isGlobal: boolean
  readonly codec: StoreCodec
  /** null: a global store. */
  readonly route: KeyRoute | null
}

/*
 * Owns what this process knows of where data is: which task holds a key, and which processes have the task.
 * 1. The former never changes. The latter is that of the last assignment: it may be out of date, and a process that is asked then says so.
 */
export class StoreDirectory {
  readonly #places = new Map<string, StorePlace>()
  readonly #sources: ReadonlyMap<string, readonly TopicPartition[]>
  readonly #processId: string
  #hosts: ReadonlyMap<string, Omit<KeyQueryMetadata, 'partition'>> = new Map()

  constructor(plan: Plan, tasks: readonly TaskPartitions[], processId: string) {
    this.#processId = processId
    this.#sources = new Map(tasks.map(({ taskId, partitions }) => [taskId, partitions]))
    const ids = [...this.#sources.keys()].sort(compareTaskIds)
    for (const subtopology of plan.subtopologies) {
      const own = ids.filter((taskId) => taskId.startsWith(`${subtopology.id}_`))
      for (const { spec, changelogTopic } of subtopology.stores) {
        const route = keyRoute(plan, subtopology, spec, (topic) => this.partitionsOf(topic).length)
        const codec = new StoreCodec(spec)
        this.#places.set(spec.name, { tasks: own, changelogTopic, subtopology, isGlobal: false, codec, route })
      }
    }
    for (const { store } of plan.globalStores) {
      this.#places.set(store.spec.name, {
        tasks: [GLOBAL_TASK_ID],
        changelogTopic: null,
        subtopology: null,
        isGlobal: true,
        codec: new StoreCodec(store.spec),
        route: null,
      })
    }
  }

  /** @throws NoSuchStoreError */
  place(store: string): StorePlace {
    const place = this.#places.get(store)
    if (place === undefined) throw new NoSuchStoreError(store)
    return place
  }

  /** Partition of the store that holds the key. A windowed row is in the partition of its key. */
  partitionOf({ codec, route }: StorePlace, key: unknown, partitioner?: StreamPartitioner): number {
    return route === null ? 0 : route.partitionOf(keyIn(codec.spec, key), partitioner)
  }

  /** The source partitions of the task. */
  sourcesOf(taskId: string): readonly TopicPartition[] {
    return this.#sources.get(taskId) ?? []
  }

  /** The partitions of a source topic. */
  partitionsOf(topic: string): readonly TopicPartition[] {
    return [...this.#sources.values()].flat().filter((partition) => partition.topic === topic)
  }

  note({ active, standby, known = this.#own(active, standby) }: Assignment): void {
    const hosts = new Map<string, Omit<KeyQueryMetadata, 'partition'>>()
    for (const taskId of this.#sources.keys()) {
      const owner = known.owners[taskId]
      hosts.set(taskId, {
        active: owner === undefined ? null : this.#host(owner, known),
        standbys: (known.standbys[taskId] ?? []).map((processId) => this.#host(processId, known)),
      })
    }
    this.#hosts = hosts
  }

  metadata(place: StorePlace, partition: number): KeyQueryMetadata {
    if (place.isGlobal) return { partition, active: this.#host(this.#processId, NOBODY), standbys: [] }
    const { active = null, standbys = [] } = this.#hosts.get(place.tasks[partition] ?? '') ?? {}
    return { partition, active, standbys }
  }

  #host(processId: string, { endpoints }: GroupKnowledge): TaskHost {
    return { processId, endpoint: endpoints[processId] ?? null, isLocal: processId === this.#processId }
  }

  #own(active: readonly string[], standby: readonly string[]): GroupKnowledge {
    return {
      ...NOBODY,
      owners: Object.fromEntries(active.map((taskId) => [taskId, this.#processId])),
      standbys: Object.fromEntries(standby.map((taskId) => [taskId, [this.#processId]])),
    }
  }
}

/** A question to a window or session store has a key or a `{ key, window }`. */
function keyIn(spec: StoreSpec, key: unknown): unknown {
  return windowedKey(spec, key)?.key ?? key
}

const NOBODY: GroupKnowledge = { owners: {}, standbys: {}, transactionalIds: {}, endpoints: {} }
