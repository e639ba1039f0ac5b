import { randomUUID } from 'node:crypto'
import { encodeEvent } from '../../processors/events/encode-event.ts'
import type { EventData, EventEnvelope, EventType } from '../../processors/events/schemas.ts'
import type { Clock, EndPositions, LogWriter, OutputBatch, TopicPartition } from '../../runtime/index.ts'
import { type Deferred, deferred, type Headers, NO_HEADERS, partitionKey } from '../../state/index.ts'
import { partitionForKey } from '../../topology/index.ts'

export interface EventProducerOptions {
  /** Has no transactions. The producer owns it from now on. */
  readonly writer: LogWriter
  /** Partition counts of the topics, from the cluster. */
  readonly partitions: ReadonlyMap<string, number>
  readonly clock: Clock
  /** `metadata` of the events that `send` makes. */
  readonly metadata?: EventEnvelope['metadata']
  /** How long the first event of a batch waits for others, ms. Default 5. */
  readonly lingerMs?: number
  /** A batch this large is sent at once, and `ready` waits while one is being filled beyond it. Default 2 MiB. */
  readonly batchBytes?: number
  /** So does one of so many events. Default without bound. */
  readonly batchEvents?: number
}

/** Fewer, larger requests: 100 events or 50 ms, whichever comes first. */
export const BATCHED = { lingerMs: 50, batchEvents: 100 } as const

export interface SendOptions {
  /** Default: a new UUID. */
  readonly eventId?: string
  /** When it happened, epoch ms. Default now. */
  readonly timestamp?: number
  readonly correlationId?: string
}

/** A record that is sent as it is, unchecked. */
export interface UncheckedRecord {
  readonly topic: string
  readonly key: string | null
  readonly value: string | null
  /** Epoch ms. */
  readonly timestamp: number
  readonly headers?: Headers
}

/** Where an event is, once it is acknowledged. */
export interface SentEvent extends TopicPartition {
  /**
   * Offset of the last event of its batch in that partition: that of this event, or a little behind it. A view that has passed
   * this offset shows the event (`minOffset` of the client).
   */
  readonly offset: number
}

interface OpenBatch {
  readonly batch: OutputBatch
  readonly settled: Deferred<EndPositions>
  /** The answer to all events of a partition, by name of the partition. */
  readonly sent: Map<string, Promise<SentEvent>>
}

/*
 * Typed producer of the six events: envelope, headers, key, Java's partitioner, batches; everything is validated by the
 * code that the application reads with.
 * 1. At most one batch is on its way (LogWriter: commits never overlap), at most one is being filled.
 * 2. Events of one key arrive in the order they were sent.
 * 3. A promise resolves when all in-sync replicas have the event. If its batch fails, the promise rejects, and so does the
 *    next ready() or flush(): the events may or may not be there, and nobody but the caller sends them again.
 */
export class EventProducer {
  readonly #writer: LogWriter
  readonly #partitions: ReadonlyMap<string, number>
  readonly #clock: Clock
  readonly #metadata: EventEnvelope['metadata']
  readonly #lingerMs: number
  readonly #batchBytes: number
  readonly #batchEvents: number
  #open: OpenBatch | null = null
  #sending: Promise<void> | null = null
  #initialised = false
  #failure: { readonly error: unknown } | null = null
  #keyless = 0

  constructor(options: EventProducerOptions) {
    this.#writer = options.writer
    this.#partitions = options.partitions
    this.#clock = options.clock
    this.#metadata = options.metadata
    this.#lingerMs = options.lingerMs ?? 5
    this.#batchBytes = options.batchBytes ?? 2 * 1024 * 1024
    this.#batchEvents = options.batchEvents ?? Number.POSITIVE_INFINITY
  }

  /** Makes the envelope of an event and sends it. Throws InvalidRecordError when the data is not valid. */
  send<T extends EventType>(type: T, data: EventData[T], options: SendOptions = {}): Promise<SentEvent> {
    const envelope: EventEnvelope<T> = {
      eventId: options.eventId ?? randomUUID(),
      eventType: type,
      eventVersion: '1.0',
      timestamp: new Date(options.timestamp ?? this.#clock.now()).toISOString(),
      data,
    }
    if (options.correlationId !== undefined) envelope.correlationId = options.correlationId
    if (this.#metadata !== undefined) envelope.metadata = this.#metadata
    return this.sendEnvelope(envelope)
  }

  /** Sends an event as it is. Throws InvalidRecordError when it is not valid. */
  sendEnvelope(envelope: EventEnvelope): Promise<SentEvent> {
    return this.#append(encodeEvent(envelope))
  }

  /** Sends something that may be no event at all: for simulations, tests and redrive. */
  sendUnchecked(record: UncheckedRecord): Promise<SentEvent> {
    return this.#append(record)
  }

  /** Resolves when there is room for more: a fast caller waits here now and then. Throws what a batch failed with. */
  async ready(): Promise<void> {
    while (this.#open !== null && this.#isFull(this.#open)) {
      await (this.#sending ?? this.#sendOpen())
    }
    this.#throwFailure()
  }

  /** Resolves when everything sent so far is acknowledged. Throws what a batch failed with. */
  async flush(): Promise<void> {
    await this.#sending
    if (this.#open !== null) await this.#sendOpen()
    this.#throwFailure()
  }

  /** Sends what is left and closes the writer. */
  async close(): Promise<void> {
    try {
      await this.flush()
    } finally {
      await this.#writer.close()
    }
  }

  #append({ topic, key, value, timestamp, headers }: UncheckedRecord): Promise<SentEvent> {
    const partitions = this.#partitions.get(topic)
    if (partitions === undefined) throw new RangeError(`the partitions of ${topic} are not known`)
    const open = this.#open ?? this.#newBatch()
    const partition = key === null ? this.#keyless++ % partitions : partitionForKey(key, partitions)
    open.batch.append(topic, partition, key, value, timestamp, headers ?? NO_HEADERS)
    if (this.#isFull(open) && this.#sending === null) void this.#sendOpen()
    return sentTo(open, topic, partition)
  }

  #isFull({ batch }: OpenBatch): boolean {
    return batch.bytes >= this.#batchBytes || batch.records >= this.#batchEvents
  }

  #newBatch(): OpenBatch {
    const open: OpenBatch = { batch: this.#writer.newBatch(), settled: deferred(), sent: new Map() }
    this.#open = open
    void this.#linger(open)
    return open
  }

  async #linger(open: OpenBatch): Promise<void> {
    await this.#clock.sleep(this.#lingerMs)
    if (this.#open !== open) return
    await this.#sending
    if (this.#open === open) await this.#sendOpen()
  }

  /** Sends the open batch; never rejects. The caller has seen that none is on its way. */
  #sendOpen(): Promise<void> {
    const open = this.#open
    if (open === null) return Promise.resolve()
    this.#open = null
    const sending = this.#commit(open).finally(() => {
      this.#sending = null
      if (this.#open !== null && this.#isFull(this.#open)) void this.#sendOpen()
    })
    this.#sending = sending
    return sending
  }

  async #commit({ batch, settled }: OpenBatch): Promise<void> {
    try {
      if (!this.#initialised) await this.#writer.init()
      this.#initialised = true
      settled.resolve(await this.#writer.commit({ batch, offsets: [], group: () => null }))
    } catch (error) {
      this.#initialised = false
      this.#failure ??= { error }
      settled.reject(error)
    }
  }

  #throwFailure(): void {
    const failure = this.#failure
    this.#failure = null
    if (failure !== null) throw failure.error
  }
}

/** One promise for all events of a partition in the batch. */
function sentTo({ settled, sent }: OpenBatch, topic: string, partition: number): Promise<SentEvent> {
  const name = partitionKey({ topic, partition })
  const known = sent.get(name)
  if (known !== undefined) return known
  const place = settled.promise.then((ends) => ({ topic, partition, offset: (ends.get(name) ?? 0) - 1 }))
  // A caller that ignores the promise learns of a failure from ready() or flush().
  place.catch(() => undefined)
  sent.set(name, place)
  return place
}
