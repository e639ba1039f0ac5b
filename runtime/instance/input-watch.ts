import { counted } from '../../state/ports/counted.ts'
import { StreamsError } from '../../state/ports/errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { LogAdmin, TopicDescription } from '../ports/log.ts'

/** An input topic is no longer the one that the tasks were made for. Committed results stay as they are. Stop and look. */
export class InputTopicChangedError extends StreamsError {
  /** The topic was deleted: its offsets cannot be committed any longer. */
  readonly isGone: boolean
  constructor(message: string, isGone: boolean) {
    super('INPUT_TOPIC_CHANGED', message)
    this.isGone = isGone
  }
}

/** Topics that match a pattern of the topology have come: start again, and read them, too. */
export class InputTopicsAddedError extends StreamsError {
  constructor(topics: readonly string[]) {
    super('INPUT_TOPICS_ADDED', `there are new topics to read: ${topics.join(', ')}`)
  }
}

export interface InputWatchOptions {
  /** The topics as the tasks were laid over them. */
  readonly topics: ReadonlyMap<string, TopicDescription>
  /** An admin that gives up soon: a failed look is repeated. */
  readonly admin: LogAdmin
  readonly clock: Clock
  /** Finds topics that match a pattern of the topology and are not among `topics`. Absent: there are no patterns. */
  readonly newTopics?: (() => Promise<readonly string[]>) | undefined
}

const LOOK_MS = 5000
const LOOK_AGAIN_MS = 500
/** A broker that has just come up may not have heard of a topic yet. */
const MISSING_LOOKS = 4

/*
 * Looks now and then whether the input topics are still those that the tasks were made for, and whether patterns match further ones.
 * 1. A topic counts as deleted only when it is missing several looks in a row.
 * 2. Brokers that do not answer say nothing of topics.
 */
export class InputWatch {
  readonly #options: InputWatchOptions
  #missing = 0
  #stopped = false

  constructor(options: InputWatchOptions) {
    this.#options = options
  }

  /** Resolves with what has changed, or with null after stop(). */
  async changed(): Promise<InputTopicChangedError | InputTopicsAddedError | null> {
    const { clock } = this.#options
    while (!this.#stopped) {
      await clock.sleep(this.#missing > 0 ? LOOK_AGAIN_MS : LOOK_MS)
      if (this.#stopped) return null
      const change = await this.#look()
      if (change !== null) return change
    }
    return null
  }

  stop(): void {
    this.#stopped = true
  }

  async #look(): Promise<InputTopicChangedError | InputTopicsAddedError | null> {
    const { topics, admin, newTopics } = this.#options
    let found: ReadonlyMap<string, TopicDescription>
    let added: readonly string[] = []
    try {
      found = await admin.describeTopics([...topics.keys()])
      if (newTopics !== undefined) added = await newTopics()
    } catch (error) {
      // Invariant 2. Readers and writers meet the failure themselves.
      if (!(error instanceof StreamsError)) throw error
      return null
    }
    const gone = [...topics.keys()].filter((name) => !found.has(name))
    this.#missing = gone.length === 0 ? 0 : this.#missing + 1
    if (this.#missing >= MISSING_LOOKS) {
      const names = gone.length === 1 ? `topic ${gone[0]} was` : `topics ${gone.join(', ')} were`
      return new InputTopicChangedError(`input ${names} deleted while the application ran`, true)
    }
    for (const [name, before] of topics) {
      const now = found.get(name)
      if (now === undefined) continue
      if (now.id !== before.id) {
        return new InputTopicChangedError(
          `input topic ${name} was deleted and created again while the application ran`,
          true,
        )
      }
      if (now.partitions !== before.partitions) {
        return new InputTopicChangedError(
          `input topic ${name} has ${counted(now.partitions, 'partition')} and had ${before.partitions} when this instance started: ` +
            'start all instances again; an application with stores must be reset, as keys have moved to other partitions',
          false,
        )
      }
    }
    return added.length === 0 ? null : new InputTopicsAddedError(added)
  }
}
