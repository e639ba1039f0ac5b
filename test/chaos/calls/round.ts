import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Kafka } from 'kafkajs'
import { atEndOfTestProcess } from '../../support/at-end-of-test.ts'
import { kafkajs, kafkajsProducer, type ReadRecord, readCommitted } from '../../support/kafkajs.ts'
import { Random } from '../../support/random.ts'
import { CountingService } from './service.ts'
import { STUCK } from './topology.ts'

const PARTITIONS = 4
const INSTANCES = 2
const KEYS = 500
const CHUNK = 500

export interface CallsRoundOptions {
  readonly bootstrap: string
  /** Names the topics and the group. */
  readonly applicationId: string
  readonly records: number
  /** kill -9 of one of the two instances, by seed, spread over the run. */
  readonly kills: number
  readonly seed: number
  readonly onProgress?: (line: string) => void
  /** Awaited when both instances have ended, before anything else is written. */
  readonly afterwards?: (application: AfterRound) => Promise<void>
}

/** The application of a round at its end. */
export interface AfterRound {
  /** Variables by which commands find the application and its topics. */
  readonly environment: Readonly<Record<string, string>>
  readonly output: string
  /** Topic of the recorded answers. */
  readonly answers: string
}

export interface CallsRoundResult {
  readonly records: number
  /** Records in the output topic. */
  readonly outputs: number
  readonly missing: number
  /** Outputs of a record beyond its first. */
  readonly repeated: number
  /** Outputs that stand behind one of a later record of their key. */
  readonly outOfOrder: number
  readonly wrong: number
  /** Calls that the service got, and those that it failed on purpose. */
  readonly attempts: number
  readonly failures: number
  readonly seconds: number
  /** Exit codes of the last processes. */
  readonly exits: readonly (number | null)[]
}

/**
 * Two instances ask a service about each record of a topic, and are killed with -9 again and again while calls are running. Each record
 * must have one output, and those of a key their order.
 */
export async function callsRound(options: CallsRoundOptions): Promise<CallsRoundResult> {
  const { bootstrap, applicationId, records, kills, seed, onProgress = () => undefined } = options
  const random = new Random(seed)
  const input = `${applicationId}-in`
  const output = `${applicationId}-out`
  const kafka = kafkajs(bootstrap)
  await createTopics(kafka, [input, output])
  const directory = await mkdtemp(join(tmpdir(), 'calls-'))
  const service = new CountingService(seed)
  const environment = {
    ...{ CALLS_BROKERS: bootstrap, CALLS_APPLICATION: applicationId, CALLS_INPUT: input, CALLS_OUTPUT: output },
    CALLS_SERVICE: await service.start(),
  }
  const begun = performance.now()
  const processes: InstanceProcess[] = []
  try {
    for (let i = 0; i < INSTANCES; i++) processes.push(new InstanceProcess(environment, join(directory, String(i))))
    await Promise.all(processes.map((one) => one.running))
    const feeding = feed(
      kafka,
      input,
      Array.from({ length: records }, (_, n) => String(n)),
    )
    for (let kill = 1; kill <= kills; kill++) {
      await service.answers(Math.floor((records * kill) / (kills + 1)))
      const which = random.below(INSTANCES)
      await (processes[which] as InstanceProcess).end('SIGKILL')
      onProgress(`${service.answered.size} answered: kill ${kill} of ${kills}, instance ${which}`)
      processes[which] = new InstanceProcess(environment, join(directory, String(which)))
    }
    await feeding
    await untilOutputs(kafka, output, records)
    const seconds = (performance.now() - begun) / 1000
    // The last ones may still start, and a start that is closed is an error.
    await Promise.all(processes.map((one) => one.running))
    // close() waits for no call.
    await feed(kafka, input, [STUCK])
    await service.answer(STUCK)
    const exits = await Promise.all(processes.map((one) => one.end('SIGTERM')))
    const { CALLS_INPUT, CALLS_OUTPUT } = environment
    await options.afterwards?.({
      environment: {
        ...{ KAFKA_BROKERS: bootstrap, APPLICATION_ID: applicationId, STATE_DIR: join(directory, 'commands') },
        ...{ CALLS_INPUT, CALLS_OUTPUT },
      },
      ...{ output, answers: `${applicationId}-ask-answers` },
    })
    const found = await readCommitted(kafka, [output], `${applicationId}-judge`)
    const { attempts, failures } = service
    return { ...judge(found, records), records, attempts, failures, seconds, exits }
  } finally {
    await Promise.all(processes.map((one) => one.end('SIGKILL')))
    service.close()
    await rm(directory, { recursive: true, force: true })
  }
}

/** A process of instance.ts. */
class InstanceProcess {
  readonly running: Promise<void>
  readonly #child: ChildProcess
  readonly #guard: ChildProcess
  readonly #exit: Promise<number | null>

  constructor(environment: Readonly<Record<string, string>>, stateDir: string) {
    const program = fileURLToPath(new URL('./instance.ts', import.meta.url))
    this.#child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program], {
      env: { ...process.env, ...environment, CALLS_STATE_DIR: stateDir },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#guard = atEndOfTestProcess('kill -9 "$0" 2> /dev/null', [String(this.#child.pid)])
    this.#exit = once(this.#child, 'exit').then(([code]) => code as number | null)
    const stdout = this.#child.stdout as NodeJS.ReadableStream
    // A process that is killed before never says it.
    this.running = Promise.race([once(stdout, 'data'), this.#exit]).then(() => undefined)
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    this.#child.kill(signal)
    const code = await this.#exit
    this.#guard.kill('SIGKILL')
    return code
  }
}

async function createTopics(kafka: Kafka, topics: readonly string[]): Promise<void> {
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: topics.map((topic) => ({ topic, numPartitions: PARTITIONS })) })
  await admin.disconnect()
}

async function feed(kafka: Kafka, topic: string, values: readonly string[]): Promise<void> {
  const producer = await kafkajsProducer(kafka)
  for (let from = 0; from < values.length; from += CHUNK) {
    const chunk = values.slice(from, from + CHUNK)
    await producer.send({ topic, messages: chunk.map((value) => ({ key: String(Number(value) % KEYS), value })) })
  }
  await producer.disconnect()
}

/** Resolves when every record has an output that is committed. */
async function untilOutputs(kafka: Kafka, topic: string, records: number): Promise<void> {
  const consumer = kafka.consumer({ groupId: `${topic}-watch` })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const seen = new Set<string>()
  try {
    await new Promise<void>((resolve, reject) => {
      const eachMessage = async ({ message }: { readonly message: { readonly value: Buffer | null } }) => {
        seen.add(String(message.value))
        if (seen.size >= records) resolve()
      }
      consumer.run({ eachMessage }).catch(reject)
    })
  } finally {
    await consumer.disconnect()
  }
}

type Judgement = Pick<CallsRoundResult, 'outputs' | 'missing' | 'repeated' | 'outOfOrder' | 'wrong'>

function judge(found: readonly ReadRecord[], records: number): Judgement {
  const seen = new Set<number>()
  const last = new Map<string, number>()
  let [repeated, outOfOrder, wrong] = [0, 0, 0]
  for (const { key, value } of found) {
    const text = String(value)
    const number = Number(text.slice(0, -1))
    if (!text.endsWith('!') || !(number < records) || String(key) !== String(number % KEYS)) {
      wrong++
      continue
    }
    if (seen.has(number)) repeated++
    seen.add(number)
    const before = last.get(String(key)) ?? -1
    if (number < before) outOfOrder++
    last.set(String(key), Math.max(before, number))
  }
  return { outputs: found.length, missing: records - seen.size, repeated, outOfOrder, wrong }
}
