import type { StreamsConfig } from '../../runtime/instance/streams-config.ts'
import type { LogRecord, TopicPartition } from '../../runtime/ports/log.ts'
import { roughRun } from '../../runtime/simulation/rough-run.ts'
import { type Mutants, World } from '../../runtime/simulation/world.ts'
import {
  type AsyncOrder,
  type KeyValueStore,
  keyValueStore,
  lastHeader,
  type Plan,
  StreamsBuilder,
  serdes,
} from '../../topology/index.ts'
import { Random } from '../support/random.ts'

const PARTITIONS = 2
const KEYS = ['a', 'b', 'c', 'd', 'e']
const RECORDS = 60
const MAX_STEPS = 60_000
const CALLS_CHANGELOG = 'app-ask-calls-changelog'
const TIMEOUT_MS = 150
const ORDERS: readonly AsyncOrder[] = ['key', 'partition', 'none']

export interface CallReport {
  readonly seed: number
  /** In words; [] = each record that was committed to the input has its one effect. */
  readonly differences: readonly string[]
  readonly crashes: number
  readonly zombies: number
  readonly recoveries: number
  /** Attempts of all calls. */
  readonly attempts: number
  readonly steps: number
}

export interface CallSimulationOptions {
  readonly mutants?: Mutants
  readonly guarantee?: StreamsConfig['processingGuarantee']
}

/** Draws what becomes of each attempt: it is answered after a while, fails, or is never heard of. */
class Service {
  attempts = 0
  readonly asked = new Set<string>()
  readonly #world: () => World
  readonly #random: Random

  constructor(world: () => World, random: Random) {
    this.#world = world
    this.#random = random
  }

  async ask(client: string, value: string): Promise<string> {
    this.attempts++
    this.asked.add(value)
    const random = this.#random
    const { scheduler } = this.#world()
    const fate = random.next()
    if (fate < 0.03) await new Promise(() => undefined)
    if (fate < 0.5) await scheduler.local(client, `answer to ${value}`)
    else await scheduler.clock(client).sleep(random.below(TIMEOUT_MS + 20))
    if (value.startsWith('refused') || fate < 0.15) throw new Error(`no answer to ${value}`)
    return value
  }
}

function planFor(order: AsyncOrder, maxWaiting: number, ask: (value: string) => Promise<string>): Plan {
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
  builder
    .stream<string, string>('in')
    .mapAsync(ask, {
      ...{ name: 'ask', order, maxWaiting, timeoutMs: TIMEOUT_MS, concurrency: 3 },
      answers: { serde: serdes.string, retentionMs: -1 },
      retry: {
        ...{ attempts: 1000, backoffMs: 5, maxBackoffMs: 40 },
        isRetriable: (error) => !(error instanceof Error && error.message.includes('refused')),
      },
    })
    .process<string, string>(
      () => {
        let counts: KeyValueStore<string, number>
        let forward: (key: string, value: string, timestamp: number) => void
        return {
          init(context) {
            counts = context.store('counts')
            forward = (key, value, timestamp) => context.forward({ key, value, timestamp, headers: [] })
          },
          process({ key, value, timestamp }) {
            const count = (counts.get(key) ?? 0) + 1
            counts.put(key, count)
            forward(key, `${value} ${count}`, timestamp)
            // Half of it is done by now: nothing of that may stay.
            if (value.startsWith('poison')) throw new Error(`cannot take ${value}`)
          },
        }
      },
      {
        name: 'count',
        stores: [keyValueStore({ name: 'counts', keySerde: serdes.string, valueSerde: serdes.int64 })],
      },
    )
    .to('out')
  return builder.build().build({ applicationId: 'app' })
}

/**
 * A topology that makes calls, on the in-memory cluster under crashes at any step, lost requests and replies, aborted foreign
 * transactions, zombies and rebalances, with a service that is slow, fails and goes silent. All is drawn by seed. At every crash each
 * store equals the fold of its committed changelog. At the end each record has its one effect, in order where the calls have one, was
 * asked about, has its end recorded once, and no row is left. Under at_least_once: each has an effect.
 */
export async function simulateCalls(
  seed: number,
  { mutants = {}, guarantee = 'exactly_once_v2' }: CallSimulationOptions = {},
): Promise<CallReport> {
  const random = new Random(seed)
  const order = random.pick(ORDERS)
  const maxWaiting = 1 + random.below(12)
  const service: Service = new Service(() => world, new Random(seed + 1_000_000))
  const planOf = (client: string): Plan => planFor(order, maxWaiting, (value) => service.ask(client, value))
  const isExact = guarantee === 'exactly_once_v2'
  const world: World = new World({
    ...{ random, plan: planOf(''), planOf, mutants },
    topics: ['in', 'out', 'app.dlq'].map((name) => ({ name, partitions: PARTITIONS })),
    faults: { loseRequest: 0.01, loseReply: 0.01 },
    config: { processingGuarantee: guarantee, processingExceptionHandler: 'dead-letter' },
  })
  const check = async (): Promise<string[]> => (isExact ? await world.storeDifferences() : [])
  let produced = 0
  const run = await roughRun({
    ...{ world, random, check },
    feed: () => {
      if (produced < RECORDS && random.chance(0.05)) produce(world, random, produced++)
      return produced === RECORDS
    },
    crashes: 1 + random.below(4),
    zombies: isExact ? random.below(2) : 0,
    rebalances: 0.002,
    lostDisks: 0.3,
    maxSteps: MAX_STEPS,
    isAtRest: () => {
      // Rows of a transaction that is decided and not yet marked count.
      world.scheduler.finishBackground()
      return rowsLeft(world) === 0
    },
  })
  const differences = [...run.differences]
  const { crashes, zombies } = run
  if (differences.length === 0) differences.push(...effects(world, service, isExact, order))
  const { attempts } = service
  return { seed, differences, crashes, zombies, attempts, recoveries: world.recoveries, steps: world.scheduler.steps }
}

function produce(world: World, random: Random, number: number): void {
  const kind = random.chance(0.08) ? random.pick(['refused', 'poison']) : 'plain'
  const key = Buffer.from(random.pick(KEYS))
  const at = { topic: 'in', key, timestamp: 1000 + number, partition: null }
  if (random.chance(0.1)) world.produce({ ...at, value: Buffer.from(`aborted-${number}`) }, true)
  world.produce({ ...at, value: Buffer.from(`${kind}-${number}`) }, false)
}

function rowsLeft(world: World): number {
  const rows = new Set<string>()
  for (const { key, value, partition } of world.committed(CALLS_CHANGELOG)) {
    const row = `${partition} ${key?.toString('hex')}`
    if (value === null) rows.delete(row)
    else rows.add(row)
  }
  return rows.size
}

function placeOf({ topic, partition, offset }: LogRecord & TopicPartition): string {
  return `${topic}:${partition}:${offset}#0`
}

/** Compares outputs, dead letters and recorded answers with what the records of the input should have led to. */
function effects(world: World, service: Service, isExact: boolean, order: AsyncOrder): string[] {
  const text = ({ key, value }: LogRecord): string => `${key} ${value}`
  const input = world.committed('in')
  const isBad = (record: LogRecord): boolean => /^(refused|poison)/.test(String(record.value))
  const good = input.filter((record) => !isBad(record)).map(text)
  const found = world.committed('out').map(text)
  const letters = world.committed('app.dlq').map(text)
  const differences: string[] = []
  const compare = (what: string, expected: readonly string[], actual: readonly string[]): void => {
    const a = isExact ? [...expected].sort() : [...new Set(expected)].sort()
    const b = isExact ? [...actual].sort() : [...new Set(actual)].sort()
    if (a.join() !== b.join()) differences.push(`${what}: expected ${a.join()}, found ${b.join()}`)
  }
  const withoutCount = (one: string): string => one.slice(0, one.lastIndexOf(' '))
  compare('outputs', good, found.map(withoutCount))
  compare('dead letters', input.filter(isBad).map(text), letters)
  // A record that was left out has no answer, and its end is recorded all the same.
  compare(
    'recorded ends',
    input.map((record) => `${placeOf(record)} ${isBad(record) ? null : record.value}`),
    world.committed('app-ask-answers').map(({ headers, value }) => `${lastHeader(headers, '__streams.call')} ${value}`),
  )
  for (const { value } of input) if (!service.asked.has(String(value))) differences.push(`nobody asked about ${value}`)
  if (!isExact) return differences
  for (const key of KEYS) {
    const own = found.filter((one) => one.startsWith(`${key} `))
    const counts = own.map((one) => Number(one.slice(one.lastIndexOf(' ') + 1)))
    if (counts.some((count, i) => count !== i + 1)) differences.push(`counts of ${key}: ${counts.join()}`)
    const expected = good.filter((one) => one.startsWith(`${key} `))
    if (order !== 'none' && own.map(withoutCount).join() !== expected.join())
      differences.push(`order of ${key}: expected ${expected.join()}, found ${own.join()}`)
  }
  if (order !== 'partition') return differences
  // Keys are in the same partition of both topics.
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const own = (topic: string) => world.committedOf({ topic, partition })
    const expected = own('in')
      .filter((record) => !isBad(record))
      .map(text)
    const actual = own('out').map(text).map(withoutCount)
    if (actual.join() !== expected.join())
      differences.push(`order of partition ${partition}: expected ${expected.join()}, found ${actual.join()}`)
  }
  return differences
}
