import { answerOfBrokers } from '../ports/instance.ts'
import type { LogAdmin, TopicPartition } from '../ports/log.ts'
import type { TaskPosition } from '../thread/thread-control.ts'
import type { StorePlace } from './store-directory.ts'

export interface StandbyLagOptions {
  readonly groupId: string
  /** One that gives up soon. */
  readonly admin: LogAdmin
  readonly sourcesOf: (taskId: string) => readonly TopicPartition[]
  readonly positions: () => Promise<readonly TaskPosition[]>
}

/*
 * How far a standby is behind the input of its task, whether or not a process runs the task: the changelog records that its store
 * misses, and the input that no commit has passed.
 * 1. Never too little: the copy's position and the committed offsets are read before the ends they are compared with. It may be too
 *    much by the markers and the open transactions between them.
 * 2. Queries at the same time share one reading.
 */
export class StandbyLag {
  readonly #options: StandbyLagOptions
  readonly #readings = new Map<string, Promise<number>>()

  constructor(options: StandbyLagOptions) {
    this.#options = options
  }

  /** @throws StoreUnavailableError when no broker answers */
  of(taskId: string, place: StorePlace): Promise<number> {
    const key = `${taskId} ${place.changelogTopic}`
    let reading = this.#readings.get(key)
    if (reading === undefined) {
      reading = answerOfBrokers(this.#read(taskId, place)).finally(() => this.#readings.delete(key))
      this.#readings.set(key, reading)
    }
    return reading
  }

  async #read(taskId: string, { changelogTopic }: StorePlace): Promise<number> {
    const { groupId, admin, sourcesOf, positions } = this.#options
    const sources = sourcesOf(taskId)
    const [held, committed] = await Promise.all([
      positions(),
      admin.committedOffsets(groupId, sources, { stable: false }),
    ])
    const changelogs = held
      .filter((position) => position.taskId === taskId)
      .flatMap((position) => position.changelogs)
      .filter(({ topic }) => topic === changelogTopic)
    const [ends, begins] = await Promise.all([
      admin.highWatermarks([...changelogs, ...sources]),
      admin.earliestOffsets(sources),
    ])
    const missing = (end: number | undefined, from: number): number => Math.max(0, (end ?? 0) - from)
    let lag = 0
    for (const [i, { position }] of changelogs.entries()) lag += missing(ends[i], position)
    for (const [i, { topic, partition }] of sources.entries()) {
      const found = committed.find((offset) => offset.topic === topic && offset.partition === partition)
      lag += missing(ends[changelogs.length + i], found?.offset ?? begins[i] ?? 0)
    }
    return lag
  }
}
