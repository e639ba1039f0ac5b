import { expect } from 'vitest'
import { verify } from '../../../../app/verify/verify.ts'
import { loadConfig } from '../../../../infra/config/config.ts'
import type { KafkaAdmin } from '../../../../infra/kafka/kafka-admin.ts'
import { Replay, type ReplayOptions } from '../../../../infra/streams/replay/replay.ts'
import { rebuiltTopics, type TopicOutcome } from '../../../../infra/streams/replay/replay-run.ts'
import { streamsConfig } from '../../../../infra/streams/streams-config.ts'
import { ALL_PROCESSORS } from '../../../../processors/processor-names.ts'
import { rideReplayRules } from '../../../../processors/replay-rules.ts'
import { buildRideTopology } from '../../../../processors/ride-topology.ts'
import type { CommittedOffset } from '../../../../runtime/ports/log.ts'
import type { Plan } from '../../../../topology/plan.ts'
import { AppProcess } from '../../../support/app-process.ts'
import { readTopic, type TestRecord, write } from '../../../support/kafka-log.ts'
import { RideFeeder } from '../../../support/ride-feeder.ts'
import { rideInput } from '../../../support/ride-input.ts'
import { borrowRideKafka, type RideKafka } from '../../../support/ride-kafka.ts'
import { ALL_REPARTITIONS, untilDrained } from '../../../support/until-drained.ts'

/** Records of all. */
const EVENTS = 2400
/** Records of the first start, where a test begins with an application that has a past. */
const PAST = 1200

const OPTIONS: Pick<ReplayOptions, 'toTime' | 'emit' | 'acceptLoss' | 'rate'> = {
  toTime: null,
  emit: 'changed',
  acceptLoss: false,
  rate: null,
}

/** The result of `judged` when nothing is wrong. */
export const RIGHT = { differences: [], unjudged: 0 }

export interface LatestRow {
  readonly key: string
  readonly value: string
  readonly partition: number
}

/*
 * Owns one ride application's life on a real broker: it runs, stops, and is replayed. verify, which shares nothing with replay,
 * judges.
 * 1. Each test brings the application to where it needs it (`running`, `stopped`), so each can run alone.
 */
export class ReplayedRides {
  readonly applicationId: string
  readonly plan: Plan
  readonly rides: RideKafka
  readonly admin: KafkaAdmin
  readonly env: Readonly<Record<string, string>>
  readonly #feeder: RideFeeder
  #app: AppProcess | undefined

  static async begin(applicationId: string): Promise<ReplayedRides> {
    return new ReplayedRides(applicationId, await borrowRideKafka(applicationId))
  }

  private constructor(applicationId: string, rides: RideKafka) {
    this.applicationId = applicationId
    this.rides = rides
    this.admin = rides.cluster.admin()
    this.plan = buildRideTopology({ h3Resolution: 9, processors: ALL_PROCESSORS, tripHistoryRetentionMs: -1 }).build({
      applicationId,
    })
    this.env = {
      KAFKA_BROKERS: rides.bootstrap,
      APPLICATION_ID: applicationId,
      STATE_DIR: rides.directory,
      COMMIT_INTERVAL_MS: '20',
      // The rides are of 2019: brokers would delete their histories at once.
      TRIP_HISTORY_RETENTION_MS: '-1',
    }
    this.#feeder = new RideFeeder(rideInput({ seed: 5, count: EVENTS }), rides.kafka)
  }

  async end(): Promise<void> {
    await this.#app?.end('SIGKILL')
    await this.#feeder.close()
    await this.rides.close()
  }

  get app(): AppProcess {
    if (this.#app === undefined) throw new Error('the application was never started')
    return this.#app
  }

  /** The name of a store's changelog. */
  log(store: string): string {
    return `${this.applicationId}-${store}-changelog`
  }

  /** Starts it, feeds so many records, and waits until they are done. */
  async run(records: number, more: Readonly<Record<string, string>> = {}): Promise<void> {
    this.#app = await AppProcess.start({ ...this.env, ...more })
    await this.#app.ready()
    await this.#feeder.feed(records)
    await untilDrained(this.rides.bootstrap, this.applicationId, 60_000, ALL_REPARTITIONS)
  }

  async stop(): Promise<void> {
    expect(await this.app.end('SIGTERM')).toBe(0)
  }

  /** It has processed rides with all its processors, and runs. */
  async running(): Promise<void> {
    if (this.#app?.isRunning !== true) await this.run(this.#feeder.left === EVENTS ? PAST : 0)
  }

  /** It has processed rides with all its processors, and is stopped. */
  async stopped(): Promise<void> {
    if (this.#app === undefined) await this.run(PAST)
    if (this.#app?.isRunning === true) await this.stop()
  }

  async replay(options: Partial<ReplayOptions> = {}): Promise<readonly TopicOutcome[]> {
    const { cluster, directory } = this.rides
    const deadLetterTopic = `${this.applicationId}.dlq`
    const replaying = new Replay({
      plan: this.plan,
      rules: rideReplayRules,
      config: streamsConfig(loadConfig(this.env), deadLetterTopic),
      deadLetterTopic,
      admin: this.admin,
      reader: () => cluster.reader(),
      writer: (transactionalId) => cluster.writer({ transactionalId }),
      stateDir: directory,
      stateBackend: 'memory',
      signal: new AbortController().signal,
      now: Date.now,
      onProgress: () => undefined,
      ...OPTIONS,
      ...options,
    })
    try {
      return await replaying.finish(await replaying.prepare({ mayRun: false }))
    } finally {
      await replaying.close()
    }
  }

  async judged(): Promise<{ differences: string[]; unjudged: number }> {
    const { differences, topics } = await verify({
      admin: this.admin,
      reader: () => this.rides.cluster.reader(),
      applicationId: this.applicationId,
      h3Resolution: 9,
      limit: 0,
      processors: ALL_PROCESSORS,
      tripHistoryRetentionMs: -1,
      attempts: 3,
    })
    return {
      differences: differences.map(({ topic, key, kind }) => `${topic} ${key} ${kind}`),
      unjudged: topics.reduce((sum, { unjudged }) => sum + unjudged, 0),
    }
  }

  /** The committed offsets of the group, in order. */
  async offsets(): Promise<readonly CommittedOffset[]> {
    return [...(await this.admin.allCommittedOffsets(this.applicationId))].sort((a, b) =>
      `${a.topic}:${a.partition}` < `${b.topic}:${b.partition}` ? -1 : 1,
    )
  }

  /** The last values of a topic, by key. */
  async latest(topic: string): Promise<Map<string, LatestRow>> {
    const rows = new Map<string, LatestRow>()
    for (const [partition, records] of (await readTopic(this.rides.cluster, topic)).entries()) {
      for (const { key, value } of records) {
        if (value === null) rows.delete(String(key))
        else rows.set(String(key), { key: String(key), value: String(value), partition })
      }
    }
    return rows
  }

  async plant(rows: readonly TestRecord[]): Promise<void> {
    const writer = this.rides.cluster.writer({ transactionalId: null })
    await writer.init()
    await write(writer, rows)
    await writer.close()
  }
}

/** Topics in which a replay found something else, or wrote. */
export const touched = (outcomes: readonly TopicOutcome[]): string[] =>
  outcomes.flatMap(({ topic, differing, written }) => (differing + written > 0 ? [topic] : [])).sort()

/** Topics that a replay rebuilds, and those of them that are outputs. */
export function rebuilt(plan: Plan): { readonly topics: readonly string[]; readonly outputs: readonly string[] } {
  const all = rebuiltTopics(plan)
  return {
    topics: all.map(({ topic }) => topic),
    outputs: all.flatMap(({ topic, kind }) => (kind === 'output' ? [topic] : [])),
  }
}
