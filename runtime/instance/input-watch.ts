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

/** The patterns of the topology match other topics than before: start again, and read those. */
export class MatchedTopicsChangedError extends StreamsError {
  /** A topic was deleted: its offsets cannot be committed any longer. */
  readonly isGone: boolean
  constructor({ added = [], gone = [] }: { readonly added?: readonly string[]; readonly gone?: readonly string[] }) {
    const changes = [
      ...(added.length > 0 ? [`there are new topics to read: ${added.join(', ')}`] : []),
      ...(gone.length > 0 ? [`topics were deleted: ${gone.join(', ')}`] : []),
    ]
    super('MATCHED_TOPICS_CHANGED', changes.join('; '))
    this.isGone = gone.length > 0
  }
}

/** The topics of a topology's patterns. */
export interface MatchedTopics {
  /** The topics that only a pattern names, as the tasks were laid over them. */
  readonly read: ReadonlySet<string>
  /** Finds what the patterns match now. */
  readonly find: () => Promise<readonly string[]>
}

export interface InputWatchOptions {
  /** The topics as the tasks were laid over them. */
  readonly topics: ReadonlyMap<string, TopicDescription>
  /** An admin that gives up soon: a failed look is repeated. */
  readonly admin: LogAdmin
  readonly clock: Clock
  /** Absent: there are no patterns. */
  readonly matched?: MatchedTopics | undefined
}

const LOOK_MS = 5000
const LOOK_AGAIN_MS = 500
/** A broker that has just come up may not have heard of a topic yet. */
const MISSING_LOOKS = 4

/*
 * Looks now and then whether the input topics are still those that the tasks were made for, and whether patterns match further ones.
 * 1. A topic counts as deleted only when it is missing several looks in a row.
 * 2. Brokers that do not answer say nothing of topics.
 * 3. A topic that only a pattern names may go: the others are read on, as with Kafka Streams.
 */
export class InputWatch {
  readonly #options: InputWatchOptions
  #missing = 0
  #stopped = false

  constructor(options: InputWatchOptions) {
    this.#options = options
  }

  /** Resolves with what has changed, or with null after stop(). */
  async changed(): Promise<InputTopicChangedError | MatchedTopicsChangedError | null> {
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

  /** Topics that the patterns match now, and did not when the tasks were laid over them. */
  async newTopics(): Promise<readonly string[]> {
    const { matched, topics } = this.#options
    return ((await matched?.find()) ?? []).filter((name) => !topics.has(name))
  }

  async #look(): Promise<InputTopicChangedError | MatchedTopicsChangedError | null> {
    const { topics, admin, matched } = this.#options
    const isMatched = (name: string): boolean => matched?.read.has(name) === true
    let found: ReadonlyMap<string, TopicDescription>
    let added: readonly string[] = []
    try {
      found = await admin.describeTopics([...topics.keys()])
      added = await this.newTopics()
    } catch (error) {
      // Invariant 2. Readers and writers meet the failure themselves.
      if (!(error instanceof StreamsError)) throw error
      return null
    }
    const missing = [...topics.keys()].filter((name) => !found.has(name))
    this.#missing = missing.length === 0 ? 0 : this.#missing + 1
    const gone = this.#missing >= MISSING_LOOKS ? missing : []
    const named = gone.filter((name) => !isMatched(name))
    if (named.length > 0) {
      const names = named.length === 1 ? `topic ${named[0]} was` : `topics ${named.join(', ')} were`
      return new InputTopicChangedError(`input ${names} deleted while the application ran`, true)
    }
    const madeAnew: string[] = []
    for (const [name, before] of topics) {
      const now = found.get(name)
      if (now === undefined) continue
      if (now.id !== before.id && isMatched(name)) {
        madeAnew.push(name)
        continue
      }
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
    // Invariant 3.
    const changes = { added, gone: [...gone, ...madeAnew] }
    return added.length + changes.gone.length === 0 ? null : new MatchedTopicsChangedError(changes)
  }
}
