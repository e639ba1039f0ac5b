import { toSerialized } from '../../state/keys/binary-key.ts'
import { ChangelogRefusedError, ProductionError } from '../../state/ports/errors.ts'
import type { ManagedStore } from '../../state/ports/managed-store.ts'
import { partitionKey } from '../../state/ports/topic-partition.ts'
import type { CommittedOffset, EndPositions, OutputBatch } from '../ports/log.ts'
import type { OpenStore } from '../task/task-stores.ts'

/** The changed rows of one store, on their way through a commit. */
export class FrozenStore {
  readonly changelogTopic: string | null
  readonly #store: ManagedStore
  readonly #sourceTopic: string | undefined
  readonly #partition: number

  constructor({ store, changelogTopic, sourceTopic }: OpenStore, partition: number) {
    this.#store = store
    this.changelogTopic = changelogTopic
    this.#sourceTopic = sourceTopic
    this.#partition = partition
  }

  /**
   * Serialises each changed row once, into the changelog records of the epoch.
   * @throws ChangelogRefusedError when a row cannot be written
   */
  freeze(epoch: Pick<OutputBatch, 'append'>): void {
    const { changelogTopic } = this
    let row = ''
    try {
      this.#store.freeze((key, value, timestamp, headers) => {
        if (changelogTopic === null) return
        row = key
        epoch.append(changelogTopic, this.#partition, toSerialized(key), value, timestamp, headers)
      })
    } catch (cause) {
      if (!(cause instanceof ProductionError)) throw cause
      throw new ChangelogRefusedError(this.#store.name, cause.topic, `the row with the key ${shownKey(row)}`, { cause })
    }
  }

  /**
   * The rows and the position in what they are restored from go to the backend in one atomic batch.
   * @param now epoch ms
   * @param offsets those of the epoch
   */
  settle(positions: EndPositions, now: number, offsets: readonly CommittedOffset[]): Promise<void> {
    const { changelogTopic } = this
    const partition = this.#partition
    const end =
      changelogTopic === null
        ? offsets.find((source) => source.topic === this.#sourceTopic && source.partition === partition)?.offset
        : positions.get(partitionKey({ topic: changelogTopic, partition }))
    return this.#store.settle(end ?? this.#store.position() ?? 0, now)
  }

  /** The broker refused one of the rows. */
  refused(cause: ProductionError): ChangelogRefusedError {
    return new ChangelogRefusedError(this.#store.name, cause.topic, 'a row', { cause })
  }
}

/** Storage keys are binary strings; shown as text where they are one. */
function shownKey(key: string): string {
  const text = Buffer.from(key, 'latin1').toString('utf8')
  const isText = !/\p{Cc}|\ufffd/u.test(text)
  const shown = isText ? JSON.stringify(text) : `0x${Buffer.from(key, 'latin1').toString('hex')}`
  return shown.length <= MAX_SHOWN_KEY ? shown : `${shown.slice(0, MAX_SHOWN_KEY)}...`
}

const MAX_SHOWN_KEY = 200
