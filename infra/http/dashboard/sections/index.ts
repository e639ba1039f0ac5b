/**
 * The public face of infra/http/dashboard/sections/: what the event stream of the dashboard carries. Page and server share these
 * shapes: types only and without an import, since a browser has neither Node nor our server.
 */

/** An event of the stream: the latest data of one section, complete. */
export interface SectionData<T> {
  readonly data: T | null
  /** Words that explain why there is no newer data; null: there is no problem. */
  readonly problem: string | null
}

/** Every section of the kit by the name of its event. */
export interface Sections {
  readonly flow: Flow
  readonly tasks: readonly InstanceTasks[]
  readonly rates: readonly TopicRate[]
  readonly letters: LetterSummary
}

export type SectionName = keyof Sections

/** Seconds; null: nothing was observed in the last interval. */
export interface Quantiles {
  readonly p50: number | null
  readonly p99: number | null
  /** The histogram's last bound, seconds: a quantile equal to it lies there or beyond. */
  readonly most: number
}

/** The load of this instance at one moment. */
export interface Flow {
  /** Epoch ms. */
  readonly at: number
  /** RUNNING, REBALANCING, ... as KafkaStreams.State. */
  readonly state: string
  /** null at the first reading: a rate is a difference. */
  readonly recordsPerSecond: number | null
  readonly records: number
  /** Without the repartition topics, which carry a record through the topology once more. */
  readonly inputRecords: number
  readonly inputPerSecond: number | null
  /** Records between the positions and the ends of the input partitions; null: unknown. */
  readonly lag: number | null
  /** Brokers that have not answered for some seconds. */
  readonly silentBrokers: readonly string[]
  /** No broker answers. */
  readonly isCutOff: boolean
  /** From event time of a record to its commit. */
  readonly endToEnd: Quantiles
  readonly commit: Quantiles
  readonly commits: number
  readonly aborts: number
}

/** Records per second of a topic that all instances read, and write. Internal topics are without the application id. */
export type TopicRate = readonly [topic: string, read: number, written: number]

/** A moment of the past, for the charts: epoch ms, then as in Flow (latencies in seconds). */
export type FlowPoint = readonly [
  at: number,
  recordsPerSecond: number | null,
  lag: number | null,
  endToEndP50: number | null,
  endToEndP99: number | null,
  commitP50: number | null,
  commitP99: number | null,
]

/** Counts made by going through a store, a bounded part at a time. */
export interface Counted<T> {
  readonly value: T
  /** Rows that `value` was made of. */
  readonly rows: number
  /** False: the first round is still in progress, and `value` has the counts so far. */
  readonly complete: boolean
  /** When that round ended, or when it got so far, epoch ms. */
  readonly at: number
  /** How long that round took, ms. */
  readonly tookMs: number
}

/** A row of GET /tasks. */
export interface TaskRow {
  readonly taskId: string
  readonly state: 'restoring' | 'running' | 'standby'
  readonly thread: number
  readonly partitions: ReadonlyArray<{
    readonly topic: string
    readonly partition: number
    readonly position: number
    readonly endOffset: number
  }>
  readonly restore: ReadonlyArray<{
    readonly store: string
    readonly remaining: number
    readonly total: number
    readonly recordsPerSecond: number
  }>
}

export interface InstanceTasks {
  /** `host:port`, or `this instance`. */
  readonly instance: string
  readonly tasks: readonly TaskRow[]
  /** Words that explain why its tasks are unknown; null: they are known. */
  readonly problem: string | null
}

/** The dead letter topic: all instances' dead letters, also of earlier starts. */
export interface LetterSummary {
  readonly count: number
  /** Most first. */
  readonly byReason: ReadonlyArray<readonly [reason: string, count: number]>
  /** False: there are more than `count`. */
  readonly isComplete: boolean
  /** Newest first. */
  readonly latest: readonly LetterRow[]
}

/** Text, or hex where the bytes are none; neither for null. */
interface Bytes {
  readonly text?: string
  readonly hex?: string
}

/** GET /dashboard/letters/:letter */
export interface LetterDetail {
  readonly letter: string
  readonly diedAt: string
  readonly source: string | null
  readonly headers: ReadonlyArray<Bytes & { readonly key: string }>
  readonly key: Bytes
  readonly value: Bytes
  /** It was sent back to its topic. */
  readonly isRedriven: boolean
  /** Name of the letter that it became when it was sent back and died again; null: there is none among the latest. */
  readonly diedAgainAs: string | null
  /** The server takes POST /dashboard/letters/:letter/redrive. */
  readonly mayRedrive: boolean
}

/** POST /dashboard/letters/:letter/redrive */
export interface LetterSent {
  readonly letter: string
  /** `topic-partition` it goes to; null when it goes nowhere. */
  readonly target: string | null
  /** `redriven`, or why not, in the words of `dlq redrive`. */
  readonly result: string
}

export interface LetterRow {
  /** `partition:offset`, as `dlq show` takes it. */
  readonly letter: string
  readonly diedAt: number
  /** `topic-partition@offset`; null when unknown. */
  readonly source: string | null
  readonly key: string | null
  /** The name in `dlq list` and dead_letters_total; the exception when there is none. */
  readonly reason: string
  readonly message: string
}
