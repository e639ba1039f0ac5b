import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Kafka } from 'kafkajs'
import { type LocalCluster, startJarCluster } from '../../infra/local-kafka/jar-cluster.ts'
import { committedInPartition } from '../support/committed-on-disk.ts'
import { kafkajs, type ReadRecord } from '../support/kafkajs.ts'
import { Random } from '../support/random.ts'
import { AbortedLoad } from './aborted-load.ts'
import { BitFlips } from './bit-flips.ts'
import { CommitWatch } from './commit-watch.ts'
import { ConstantLoad } from './constant-load.ts'
import { BROKER_FAULTS, type FaultType, faultPlan, type PlannedFault } from './fault-plan.ts'
import { brokerFault, type Fault, flipFault, floodFault, instanceFault, stormFault } from './faults.ts'
import { FedLedger } from './fed-ledger.ts'
import { Instance } from './instance.ts'
import { InternalLeaders } from './internal-leaders.ts'
import type { Difference } from './judge.ts'
import { restoreRate } from './restore-rate.ts'
import type { Subject } from './subject.ts'
import { longestRest, longestWait } from './waits.ts'

/*
 * Owns one round: brokers, instances, load and faults from an empty cluster to the judgement.
 * 1. Faults come one after another: the next when all instances are ready and no record waits for a commit any more.
 * 2. A fault counts only when its instance was busy just before, or, for a broker, when the application was.
 * 3. Whatever happens, no process outlives the round. Its directory (broker logs, program logs, differences) is the caller's.
 */

export interface RoundOptions {
  readonly subject: Subject
  readonly seed: number
  readonly types: readonly FaultType[]
  readonly brokers: number
  readonly instances: number
  readonly standbys: number
  readonly ratePerSecond: number
  readonly sessionTimeoutMs: number
  /** A wait for a commit shorter than this is everyday life, ms. */
  readonly calmMs: number
  readonly transactionTimeoutMs: number | null
  readonly settings: Readonly<Record<string, string>>
  readonly maxBrokerDownMs: number
  /** Invalid events of one flood. */
  readonly floodEvents: number
  /** The round ends after the first fault after this time, ms. */
  readonly durationMs: number
  /** Or after so many faults. */
  readonly maxFaults: number
  /** Aborted: no more faults, the round is drained and judged. */
  readonly stop: AbortSignal
  readonly directory: string
  readonly onFault: (fault: FaultRecord) => void
  readonly onProgress: (progress: RoundProgress) => void
}

export interface RoundProgress {
  readonly step: string
  readonly elapsedMs: number
  readonly faults: number
  readonly sent: number
  readonly committed: number
  readonly longestOpenWaitMs: number
}

export interface FaultRecord {
  readonly type: FaultType
  readonly victim: string
  readonly at: number
  readonly endAt: number
  /**
   * Longest time that waiting records of any input partition saw no commit, ms: from the fault on (of a lone broker: from
   * when it is back) until the victim returns.
   */
  readonly gapMs: number
  /** Longest gap from the victim's return (of a storm: of the last one) until all is quiet; null when it returned at once. */
  readonly returnGapMs: number | null
  /** Changelog records per second by the instances' logs; null when there was nothing to restore. */
  readonly restorePerSecond: number | null
}

export interface RoundResult {
  readonly faults: readonly FaultRecord[]
  readonly differences: ReadonlyArray<Difference & { readonly blamedOn: FaultType | null }>
  /** Instances that ended by themselves; each was started again. */
  readonly falls: readonly string[]
  /** Faults that were not made because the instance was idle. */
  readonly idle: number
  readonly records: { readonly input: number; readonly outputs: number }
}

const BACK_AT_ONCE: ReadonlySet<FaultType> = new Set([
  'restart',
  'wipe',
  'corrupt',
  'flood',
  'flip',
  'clock',
  'thread',
  'storm',
])
const CALM_FOR_MS = 1500
/** Longer than any transaction or session timeout in play. */
const RECOVERY_LIMIT_MS = 150_000

export async function chaosRound(options: RoundOptions): Promise<RoundResult> {
  const dataDir = join(options.directory, 'brokers')
  const flips = options.types.includes('flip')
    ? await BitFlips.start(dataDir, options.seed, options.subject.applicationId)
    : null
  const cluster =
    flips?.cluster ??
    (await startJarCluster({ brokers: options.brokers, dataDir, properties: options.subject.properties }))
  const round = new ChaosRound(options, cluster, flips)
  try {
    return await round.run()
  } finally {
    await round.end()
    await flips?.stop()
    await cluster.stop()
    await round.writeLogs()
  }
}

class ChaosRound {
  readonly #options: RoundOptions
  readonly #cluster: LocalCluster
  readonly #kafka: Kafka
  readonly #leaders: InternalLeaders
  readonly #fed = new FedLedger()
  readonly #instances: readonly Instance[]
  readonly #flips: BitFlips | null
  readonly #random: Random
  readonly #faults: FaultRecord[] = []
  readonly #falls: string[] = []
  /** The differences of stores and disks, which are compared before the outputs. */
  readonly #further: Difference[] = []
  readonly #started = performance.now()
  #load: ConstantLoad | null = null
  #aborted: AbortedLoad | null = null
  #watch: CommitWatch | null = null
  #queries: ReturnType<NonNullable<Subject['queries']>> | null = null
  #idle = 0
  #step = 'starting'

  constructor(options: RoundOptions, cluster: LocalCluster, flips: BitFlips | null) {
    this.#options = options
    this.#cluster = cluster
    this.#flips = flips
    this.#random = new Random(options.seed ^ 0xf100d)
    this.#kafka = kafkajs(cluster.bootstrap, { initialRetryTime: 40, maxRetryTime: 200, retries: 5 })
    const ids = cluster.brokers.map((_, index) => index + 1)
    const { program, applicationId } = options.subject
    this.#leaders = new InternalLeaders(this.#kafka, applicationId, ids)
    this.#instances = Array.from({ length: options.instances }, (_, index) => {
      const name = `instance ${index + 1}`
      return new Instance(name, program, {
        bootstrap: cluster.bootstrap,
        applicationId,
        stateDir: join(options.directory, `state-${index + 1}`),
        clockFile: join(options.directory, `clock-${index + 1}`),
        sessionTimeoutMs: options.sessionTimeoutMs,
        standbys: options.standbys,
        transactionTimeoutMs: options.transactionTimeoutMs,
        settings: options.settings,
      })
    })
  }

  async run(): Promise<RoundResult> {
    const { subject } = this.#options
    const ticker = setInterval(() => this.#tell(), 1000)
    try {
      await subject.createTopics(this.#cluster.bootstrap)
      const load = await this.#sendBefore()
      await Promise.all(this.#instances.map((instance) => instance.start()))
      await Promise.all(this.#instances.map((instance) => instance.program.ready()))
      if (subject.before().length > 0) await this.#drained()
      await this.#startLoad(load)
      this.#queries = subject.queries?.(() => this.#urls) ?? null
      await this.#calm()
      this.#step = 'faults'
      await this.#makeFaults()
      this.#step = 'draining'
      await this.#aborted?.stop()
      await load.stop()
      this.#further.push(...((await this.#queries?.stop()) ?? []))
      await this.#drained()
      await this.#askStores()
      for (const records of subject.after()) {
        await load.send(records)
        await this.#drained()
      }
      for (const instance of this.#instances) {
        const code = await instance.end('SIGTERM')
        if (code !== 0) this.#falls.push(`${instance.name}: exit code ${code} at the end`)
      }
      this.#step = 'judging'
      this.#tell()
      return await this.#judge()
    } finally {
      clearInterval(ticker)
    }
  }

  get #urls(): readonly string[] {
    return this.#instances.flatMap((instance) => (instance.isAway ? [] : (instance.program.url ?? [])))
  }

  async end(): Promise<void> {
    await this.#queries?.stop().catch(() => undefined)
    await this.#aborted?.stop().catch(() => undefined)
    await this.#load?.stop().catch(() => undefined)
    await this.#watch?.stop().catch(() => undefined)
    await Promise.all(this.#instances.map((instance) => instance.end('SIGKILL')))
  }

  async writeLogs(): Promise<void> {
    await mkdir(this.#options.directory, { recursive: true })
    for (const { name, log } of this.#instances) {
      await writeFile(join(this.#options.directory, `${name.replace(' ', '-')}.log`), `${log.join('\n')}\n`)
    }
  }

  async #sendBefore(): Promise<ConstantLoad> {
    const { subject, ratePerSecond, durationMs } = this.#options
    // The last fault may take long, and the load must not run out before it ends.
    const count = Math.ceil((ratePerSecond * (durationMs + 2 * RECOVERY_LIMIT_MS)) / 1000)
    const load = await ConstantLoad.of({
      kafka: this.#kafka,
      topics: [...subject.inputs, ...subject.globals],
      input: subject.load(count),
      perSecond: ratePerSecond,
      fed: this.#fed,
    })
    this.#load = load
    await load.send(subject.before())
    return load
  }

  async #startLoad(load: ConstantLoad): Promise<void> {
    const { applicationId, inputs, aborted } = this.#options.subject
    load.start()
    this.#aborted = new AbortedLoad(this.#kafka, aborted())
    this.#watch = await CommitWatch.start(this.#kafka, applicationId, inputs, this.#fed)
  }

  async #askStores(): Promise<void> {
    const { storeDifferences, inputs, globals } = this.#options.subject
    if (storeDifferences === null) return
    const input = await this.#committed([...inputs, ...globals])
    const running = this.#instances.map(({ program }) => program)
    this.#further.push(...(await storeDifferences(input, running)))
  }

  async #makeFaults(): Promise<void> {
    const { durationMs, maxFaults, stop } = this.#options
    const began = performance.now()
    for (const planned of faultPlan(this.#options)) {
      if (performance.now() - began > durationMs || this.#faults.length >= maxFaults || stop.aborted) return
      await new Promise((resolve) => setTimeout(resolve, planned.afterMs))
      const fault = await this.#aim(planned)
      if (fault === null) this.#idle++
      else await this.#suffer(fault)
    }
  }

  /** Null when no working process can be hit. */
  async #aim(planned: PlannedFault): Promise<Fault | null> {
    if (BROKER_FAULTS.has(planned.type)) {
      const busy = await Promise.all(this.#instances.map((instance) => instance.isBusy()))
      if (!busy.includes(true)) return null
      return planned.type === 'flip'
        ? flipFault(this.#flips as BitFlips)
        : brokerFault(planned, this.#cluster, this.#leaders)
    }
    if (planned.type === 'flood') return floodFault(this.#load as ConstantLoad, this.#options.floodEvents, this.#random)
    if (planned.type === 'storm') return stormFault(planned, this.#instances, this.#options.sessionTimeoutMs)
    const picked = Math.floor(planned.pick * this.#instances.length)
    for (const instance of [...this.#instances.slice(picked), ...this.#instances.slice(0, picked)]) {
      if (await instance.isBusy()) return instanceFault(planned, instance)
    }
    return null
  }

  async #suffer(fault: Fault): Promise<void> {
    const at = performance.now()
    const logged = this.#instances.map(({ log }) => log.length)
    await fault.strike()
    // The others have to get it done without the victim; a lone broker or instance has no others.
    const hasOthers = BROKER_FAULTS.has(fault.type) ? this.#options.brokers > 1 : this.#options.instances > 1
    const isAway = !BACK_AT_ONCE.has(fault.type) && hasOthers
    if (isAway) await this.#calm()
    const returnAt = performance.now()
    await fault.repair()
    const upAt = performance.now()
    await this.#calm()
    const restorePerSecond = restoreRate(this.#instances.flatMap(({ log }, i) => log.slice(logged[i])))
    const endAt = performance.now()
    const waits = this.#watch?.waits() ?? []
    const isLoneBroker = fault.type === 'broker' && !hasOthers
    const gapMs = isLoneBroker ? longestRest(waits, at, upAt) : longestWait(waits, at, isAway ? returnAt : endAt)
    const restMs = fault.type === 'storm' ? longestRest(waits, at, upAt) : null
    const returnGapMs = isAway ? longestWait(waits, returnAt, endAt) : restMs
    const { type, victim } = fault
    const record: FaultRecord = { type, victim, at, endAt, gapMs, returnGapMs, restorePerSecond }
    this.#faults.push(record)
    this.#options.onFault(record)
  }

  /** Every instance that runs is ready, and for some time nothing has waited long for a commit. */
  async #calm(): Promise<void> {
    const limit = performance.now() + RECOVERY_LIMIT_MS
    for (let calmSince = performance.now(); performance.now() - calmSince < CALM_FOR_MS; ) {
      await new Promise((resolve) => setTimeout(resolve, 100))
      const longest = this.#longestOpenWait
      if (longest > this.#options.calmMs || !(await this.#allReady())) calmSince = performance.now()
      if (performance.now() > limit) {
        const waits = Math.round(this.#watch?.longestOpenWait ?? 0)
        const behind = Math.round(this.#load?.behindMs ?? 0)
        throw new Error(
          `no recovery within ${RECOVERY_LIMIT_MS / 1000} s: a record waits for ${waits} ms, the load is ${behind} ms behind`,
        )
      }
    }
  }

  get #longestOpenWait(): number {
    return Math.max(this.#watch?.longestOpenWait ?? 0, this.#load?.behindMs ?? 0)
  }

  async #allReady(): Promise<boolean> {
    const ready = await Promise.all(this.#instances.map((instance) => this.#isReady(instance)))
    return ready.every((one) => one)
  }

  /** One that has fallen is started again, as a supervisor would, and remembered. */
  async #isReady(instance: Instance): Promise<boolean> {
    if (instance.hasFallen) {
      this.#falls.push(`${instance.name}: ${instance.log.at(-1)}`)
      await instance.end('SIGKILL')
      await instance.start()
    }
    return instance.isAway || instance.program.isReady()
  }

  async #drained(): Promise<void> {
    const admin = this.#kafka.admin()
    await admin.connect()
    const limit = performance.now() + RECOVERY_LIMIT_MS
    const { applicationId, inputs, program } = this.#options.subject
    try {
      const internal = (await admin.listTopics()).filter((name) => isRead(name, applicationId))
      for (let quiet = 0; quiet < 3; ) {
        await this.#allReady()
        let behind = 0
        for (const topic of inputs) {
          const [group] = await admin.fetchOffsets({ groupId: applicationId, topics: [topic] })
          // Behind the last record there may be aborted ones.
          for (const { partition, offset } of group?.partitions ?? []) {
            if (this.#fed.dueAt(`${topic}:${partition}`, Math.max(0, Number(offset))) !== null) behind++
          }
        }
        for (const topic of internal) {
          const ends = await admin.fetchTopicOffsets(topic)
          const [group] = await admin.fetchOffsets({ groupId: applicationId, topics: [topic] })
          for (const { partition, offset } of group?.partitions ?? []) {
            const end = Number(ends.find((one) => one.partition === partition)?.high ?? 0)
            behind += Math.max(0, end - Math.max(0, Number(offset)) - program.markers)
          }
        }
        quiet = behind === 0 ? quiet + 1 : 0
        if (performance.now() > limit) throw new Error(`not drained: ${behind} records or partitions behind`)
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
    } finally {
      await admin.disconnect()
    }
  }

  async #judge(): Promise<RoundResult> {
    await this.#watch?.stop()
    const { subject } = this.#options
    const input = await this.#committed([...subject.inputs, ...subject.globals])
    const outputs = await this.#committed(subject.outputs)
    for (const { stateDir } of this.#instances) {
      this.#further.push(...((await subject.diskDifferences?.(this.#cluster.bootstrap, stateDir)) ?? []))
    }
    const differences = [...subject.differences({ input, outputs }), ...this.#further]
    return {
      faults: this.#faults,
      differences: differences.map((difference) => ({ ...difference, blamedOn: this.#blame(difference) })),
      falls: this.#falls,
      idle: this.#idle,
      records: { input: input.length, outputs: outputs.length },
    }
  }

  /** Each partition from the files of the broker that leads it now. */
  async #committed(topics: readonly string[]): Promise<ReadRecord[]> {
    const admin = this.#kafka.admin()
    await admin.connect()
    const described = await admin.fetchTopicMetadata({ topics: [...topics] })
    await admin.disconnect()
    const records: ReadRecord[] = []
    for (const { name, partitions } of described.topics) {
      for (const { partitionId, leader } of partitions.sort((a, b) => a.partitionId - b.partitionId)) {
        const broker = this.#cluster.brokers[leader - 1]
        if (broker === undefined) throw new Error(`${name}-${partitionId} has no leader`)
        const some = await committedInPartition(join(broker.dataDir, 'data'), name, partitionId)
        for (const record of some) records.push(record)
      }
    }
    return records
  }

  /** The first fault that was not over when the causing record was due. */
  #blame({ cause }: Difference): FaultType | null {
    if (cause === null) return null
    const due = this.#fed.dueAt(`${cause.topic}:${cause.partition}`, cause.offset)
    if (due === null) return null
    return (this.#faults.find(({ endAt }) => endAt >= due) ?? this.#faults.at(-1))?.type ?? null
  }

  #tell(): void {
    this.#options.onProgress({
      step: this.#step,
      elapsedMs: performance.now() - this.#started,
      faults: this.#faults.length,
      sent: this.#load?.sent ?? 0,
      committed: this.#watch?.committed ?? 0,
      longestOpenWaitMs: this.#longestOpenWait,
    })
  }
}

/** An internal topic from which the group reads on: of a repartition, or of a join by foreign key. */
function isRead(topic: string, applicationId: string): boolean {
  return topic.startsWith(`${applicationId}-`) && (topic.endsWith('-repartition') || topic.endsWith('-topic'))
}
