import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Producer } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { buildEngineProgram } from '../../cli/engine/program.ts'
import { GroupRequests } from '../../infra/kafka/group-requests.ts'
import { connectKafka } from '../../infra/kafka/index.ts'
import type { Cause } from '../../infra/streams/causes/index.ts'
import { KafkaStreams } from '../../infra/streams/index.ts'
import { Reset } from '../../infra/streams/reset/index.ts'
import { partitionForKey } from '../../topology/index.ts'
import { kafkaForTests } from '../support/kafka.ts'
import { kafkajs, kafkajsProducer } from '../support/kafkajs.ts'
import type { CliResult } from '../support/run-cli.ts'
import { runInProcess } from '../support/run-in-process.ts'
import { APPLICATION_ID, buildPlan, topicsOf, wordCount } from './word-count.ts'

/*
 * The commands of docs/operating-your-topology.md, in the order of one application's life: topics are created, it runs, it is
 * stopped, verified, replayed and reset, and it runs again.
 */

const MODULE = 'test/cli/word-count.ts'
const { lines, counts, shouts } = topicsOf(APPLICATION_ID)
const changelog = `${APPLICATION_ID}-counts-changelog`
const repartition = `${APPLICATION_ID}-words-repartition`
/** They belong to an older topology, or to an application whose id begins alike. */
const older = ['answers', 'changelog'].map((kind) => `${APPLICATION_ID}-older-${kind}`)
const deadLetters = `${APPLICATION_ID}.dlq`

let stateDir: string
let bootstrap: string
let producer: Producer
let streams: KafkaStreams | null = null
let env: Record<string, string>

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'operate-module-'))
  bootstrap = (await kafkaForTests()).bootstrap
  env = { KAFKA_BROKERS: bootstrap, APPLICATION_ID, STATE_DIR: stateDir }
  producer = await kafkajsProducer(kafkajs(bootstrap))
})

afterAll(async () => {
  await producer?.disconnect()
  await streams?.close()
  await rm(stateDir, { recursive: true, force: true })
})

const run = (...args: string[]): Promise<CliResult> =>
  runInProcess([...args, '--module', MODULE], env, buildEngineProgram)

async function json<T = Answer>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await run(...args, '--json')
  expect([args, code, stderr]).toEqual([args, 0, ''])
  return JSON.parse(stdout) as T
}

interface Answer {
  readonly rows: ReadonlyArray<Record<string, unknown>>
  readonly total: number
}

/** An instance dies: its session lasts. */
async function dieInGroup(): Promise<void> {
  const options = {
    groupId: APPLICATION_ID,
    groupInstanceId: 'dead',
    sessionTimeoutMs: 60_000,
    rebalanceTimeoutMs: 5000,
  }
  const member = new GroupRequests({ brokers: [bootstrap], clientId: 'dead' }, options)
  const { memberId, generationId } = await member.join('', Buffer.alloc(0))
  await member.sync(memberId, generationId, [{ memberId, assignment: Buffer.alloc(0) }])
  await member.close()
}

async function start(): Promise<void> {
  const config = { applicationId: APPLICATION_ID, brokers: bootstrap, stateDir, logLevel: 'silent' } as const
  streams = new KafkaStreams(wordCount(APPLICATION_ID), config)
  await streams.start()
}

async function stop(): Promise<void> {
  await streams?.close()
  streams = null
}

const send = (topic: string, ...values: readonly string[]) =>
  producer.send({ topic, messages: values.map((value) => ({ key: 'k', value })) })

/** Until the running application has processed and committed everything. */
const drained = () =>
  vi.waitFor(async () => expect(await json('lag')).toMatchObject({ total: 0 }), { timeout: 60_000, interval: 100 })

const countOf = async (word: string): Promise<unknown> =>
  (await streams?.store<string, { value: number }>('counts').get(word))?.result?.value

const rolesOf = async () => Object.fromEntries((await json('topics', 'list')).rows.map((row) => [row.topic, row]))

describe('before the application has run', () => {
  it('topics list says what is missing, and topics create makes it with the partitions asked for', async () => {
    expect((await rolesOf())[lines]).toEqual({ topic: lines, role: 'input', partitions: null })
    const created = await json('topics', 'create', '--partitions', '2')
    expect(created.rows).toEqual([
      { topic: lines, partitions: 2, created: true },
      { topic: counts, partitions: 2, created: true },
      { topic: shouts, partitions: 2, created: true },
      { topic: deadLetters, partitions: 3, created: true },
    ])
    const again = await run('topics', 'create')
    expect([again.code, again.stdout]).toEqual([
      0,
      expect.stringMatching(new RegExp(`^TOPIC +PARTITIONS +RESULT\n${lines} +2 +existed\n`)),
    ])
    expect(await rolesOf()).toEqual({
      [lines]: { topic: lines, role: 'input', partitions: 2 },
      [counts]: { topic: counts, role: 'output', partitions: 2 },
      [shouts]: { topic: shouts, role: 'output', partitions: 2 },
      [deadLetters]: { topic: deadLetters, role: 'dead-letter', partitions: 3 },
      [repartition]: { topic: repartition, role: 'repartition', partitions: null },
      [changelog]: { topic: changelog, role: 'changelog', partitions: null },
    })
  })

  it('replay, also with --dry-run, refuses a topology that reads a global table', async () => {
    for (const args of [['replay'], ['replay', '--dry-run']]) {
      const module = ['--module', 'test/cli/price-list.ts']
      expect(await runInProcess([...args, ...module], env, buildEngineProgram)).toMatchObject({
        code: 1,
        stdout: '',
        stderr:
          'ride-streams: a topology that reads global tables cannot be processed again: the rows that price-list had are not recorded\n',
      })
    }
  })

  it('groups says that there is none', async () => {
    expect(await run('groups')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: `ride-streams: there is no group ${APPLICATION_ID}: it has never run here\n`,
    })
  })
})

describe('while the application runs', () => {
  beforeAll(async () => {
    await start()
    await send(lines, '{"text":"tea coffee tea"}', 'no line', '{"text":"tea"}')
    await drained()
  })

  it('groups shows who has which task, and its lag', async () => {
    const answer = await json<Answer & { state: string; group: string; members: Array<Record<string, unknown>> }>(
      'groups',
    )
    const [member] = answer.members
    expect(answer).toMatchObject({ group: APPLICATION_ID, state: 'Stable', total: 0 })
    expect(answer.members).toMatchObject([{ active: ['0_0', '0_1', '1_0', '1_1'], standby: [], lag: 0 }])
    expect(answer.rows.map(({ taskId, topic, partition }) => [taskId, topic, partition])).toEqual([
      ['0_0', lines, 0],
      ['0_1', lines, 1],
      ['1_0', repartition, 0],
      ['1_1', repartition, 1],
    ])
    expect(new Set(answer.rows.map(({ memberId }) => memberId))).toEqual(new Set([member?.memberId]))
    const { stdout } = await run('groups')
    expect(stdout).toMatch(new RegExp(`^group ${APPLICATION_ID} is Stable, 1 member, total lag 0\nMEMBER +HOST +TASKS`))
    expect(stdout).toMatch(new RegExp(`^0_0 +${lines} +0 +`, 'm'))
  })

  it('dlq lists, shows and sends back dead letters', async () => {
    const { rows } = await json('dlq', 'list')
    expect(rows).toMatchObject([{ key: 'k', redriven: false }])
    const [{ letter } = {}] = rows
    expect(await json('dlq', 'show', String(letter))).toMatchObject({ value: { text: 'no line' } })
    expect((await json('dlq', 'redrive', '--all', '--dry-run')).rows).toMatchObject([{ result: 'would-redrive' }])
  })

  it('why shows where a record comes from, beside the running application', async () => {
    const place = `${counts}:${partitionForKey(Buffer.from('tea'), 2)}:0`
    const cause = await json<Cause>('why', place)
    const last = cause.chain?.steps[cause.path.at(-1) ?? 0]
    expect([cause.how, cause.input?.topic, cause.input?.value]).toEqual(['same', lines, { text: 'tea coffee tea' }])
    expect(last?.rows).toMatchObject([{ store: 'counts', key: cause.record.key, isWritten: true }])
    const { code, stdout } = await run('why', place)
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^ +-> counts\S+ {2}\w+ = \d {3}<- this record$/m)])
    const [{ letter } = {}] = (await json('dlq', 'list')).rows
    const died = await run('why', String(letter))
    expect([died.code, died.stdout]).toEqual([
      0,
      expect.stringContaining('it was left out, and nothing of it stayed: '),
    ])
    const nowhere = await run('why', `${counts}:0:999999`)
    expect([nowhere.code, nowhere.stderr]).toEqual([1, expect.stringMatching(/^ride-streams: there is no record at /)])
    expect((await run('why', 'counts')).code).toBe(2)
  })

  it('reset and replay refuse, and change nothing', async () => {
    for (const command of ['reset', 'replay']) {
      const { code, stdout, stderr } = await run(command)
      expect([code, stdout, stderr]).toEqual([
        1,
        '',
        expect.stringMatching(
          new RegExp(`^ride-streams: ${APPLICATION_ID} is running \\(1 in the group, on [^\n]+\n$`),
        ),
      ])
    }
    expect(await countOf('tea')).toBe(3)
  })
})

describe('when the application is stopped', () => {
  beforeAll(stop)

  it('groups shows tasks that nobody has', async () => {
    const answer = await json<Answer & { state: string }>('groups')
    expect([answer.state, answer.rows.length]).toEqual(['Empty', 4])
    expect(new Set(answer.rows.map(({ memberId }) => memberId))).toEqual(new Set([null]))
  })

  it('verify compares the stores with their changelogs', async () => {
    const answer = await json<Answer & { stores: Array<{ store: string; rows: number }> }>('verify')
    expect([answer.rows, answer.total]).toEqual([[], 0])
    expect(answer.stores.map(({ store }) => store)).toEqual(['counts', 'counts'])
    expect(answer.stores.reduce((sum, { rows }) => sum + rows, 0)).toBe(2)
  })

  it("replay corrects an output by the module's rule for it", async () => {
    await producer.send({ topic: counts, messages: [{ key: 'tea', value: '99' }] })
    await producer.send({ topic: shouts, messages: [{ key: 'tea', value: 'wrong' }] })
    const outcomes = (await json('replay')).rows.filter(({ kind }) => kind === 'output')
    expect(outcomes).toMatchObject([
      { topic: counts, differing: 1, written: 1 },
      { topic: shouts, differing: 0, written: 0 },
    ])
  })

  it('reset says what it would do, and does nothing with --dry-run', async () => {
    const kafka = connectKafka({ brokers: [bootstrap], clientId: 'test' })
    await kafka.admin().createTopics(older.map((name) => ({ name, partitions: 1, config: {} })))
    await kafka.close()
    const dry = await json<Answer & { deleted: string[]; left: string[] }>('reset', '--dry-run')
    expect([dry.deleted, dry.left]).toEqual([[changelog, repartition].sort(), older])
    expect(dry.rows.map(({ topic, after }) => [topic, after])).toEqual([
      [lines, 0],
      [lines, 0],
    ])
    expect((await rolesOf())[changelog]).toMatchObject({ partitions: 2 })
    const total = (await json('lag')).total
    expect(total).toBe(0)
  })

  it('reset goes where it is told to: a time, a duration, an offset, some records back', async () => {
    const committed = (await json('lag')).rows.filter(({ topic }) => topic === lines)
    const ends = committed.map(({ end }) => Number(end))
    const aimed = async (...args: string[]): Promise<unknown> =>
      (await json('reset', '--dry-run', ...args)).rows.map(({ after }) => after)
    expect(await aimed('--to-latest')).toEqual(ends)
    expect(await aimed('--to-datetime', '2099-01-01T00:00:00Z')).toEqual(ends)
    expect(await aimed('--by-duration', 'P1D')).toEqual([0, 0])
    expect(await aimed('--to-offset', '1')).toEqual(ends.map((end) => Math.min(1, end)))
    expect(await aimed('--shift-by', '-1')).toEqual(ends.map((end) => Math.max(0, end - 1)))
    expect((await json('reset', '--dry-run', '--input-topics', lines)).rows).toHaveLength(2)
    const file = join(stateDir, 'offsets.csv')
    await writeFile(file, `${lines},1,1\n`)
    expect((await json('reset', '--dry-run', '--from-file', file)).rows).toMatchObject([
      { topic: lines, partition: 1, after: Math.min(1, Number(ends[1])) },
    ])
    await writeFile(file, `${lines},7,1\n`)
    expect((await run('reset', '--from-file', file)).stderr).toBe(
      `ride-streams: --from-file: ${lines}-7 is no partition of an input topic to reset\n`,
    )
    const foreign = await run('reset', '--internal-topics', counts)
    expect([foreign.code, foreign.stderr]).toEqual([
      2,
      `ride-streams: --internal-topics: ${counts} is no internal topic of ${APPLICATION_ID}\n`,
    ])
  })

  it('a reset that was stopped half way keeps the application from starting, until it is run again', async () => {
    const kafka = connectKafka({ brokers: [bootstrap], clientId: 'test' })
    const admin = kafka.admin()
    const died = (): Promise<void> => Promise.reject(new Error('died'))
    const reset = new Reset({
      plan: buildPlan({ applicationId: APPLICATION_ID }),
      admin: Object.assign(admin, { deleteTopics: died }),
      writer: () => kafka.writer({ transactionalId: null }),
      target: { to: 'earliest' },
      inputTopics: null,
      internalTopics: null,
      now: Date.now,
    })
    await expect(reset.run(await reset.prepare())).rejects.toThrow('died')
    await kafka.close()
    await expect(start()).rejects.toMatchObject({
      code: 'REPLAY_UNFINISHED',
      message: expect.stringMatching(/^the reset of \S+ begun at \S+ is not finished: run ride-streams reset again$/),
    })
    await stop()
  })

  it('reset deletes the internal topics, and the next start begins again without its old stores', async () => {
    await dieInGroup()
    expect((await run('reset')).stderr).toContain('is running (1 in the group')
    const { code, stdout, stderr } = await run('reset', '--force')
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain(`deleted ${changelog}\n`)
    for (const topic of older) expect(stdout).toContain(`left ${topic}: `)
    expect(stdout).toMatch(new RegExp(`^${lines} +\\d +\\d+ +0$`, 'm'))
    const roles = await rolesOf()
    expect([roles[changelog], roles[repartition], roles[counts]]).toMatchObject([
      { partitions: null },
      { partitions: null },
      { partitions: 2 },
    ])
    expect((await json('lag')).total).toBeGreaterThanOrEqual(3)
    await start()
    await drained()
    expect([await countOf('tea'), await countOf('coffee')]).toEqual([3, 1])
    expect((await json('dlq', 'list')).rows).toHaveLength(2)
    await stop()
    expect(await json('verify')).toMatchObject({ rows: [], total: 0 })
  })
})

describe('wrong usage and modules', () => {
  const engine = (args: string, given: Record<string, string> = env) =>
    runInProcess(args.split(' '), given, buildEngineProgram)

  it.each([
    ['lag', 'ride-streams: --module: is not set, expected a module that exports `topology` or buildPlan()\n'],
    ['reset --to-latest --to-offset 5 --module x', 'ride-streams: choose one of the options that say where to begin\n'],
    [`reset --by-duration 5m --module ${MODULE}`, /^ride-streams: [^\n]*Expected a duration of ISO 8601[^\n]*\n$/],
    ['topics list --module ./nowhere.js', /^ride-streams: \.\/nowhere\.js cannot be loaded: [^\n]+\n$/],
  ])('%s is one line and exit code 2', async (args, message) => {
    const { code, stdout, stderr } = await engine(args)
    expect([code, stdout, stderr]).toEqual([
      2,
      '',
      typeof message === 'string' ? message : expect.stringMatching(message),
    ])
  })

  it('nobody operates on the default application id by accident', async () => {
    const { code, stderr } = await engine(`reset --module ${MODULE}`, { KAFKA_BROKERS: bootstrap })
    expect([code, stderr]).toEqual([
      2,
      'ride-streams: APPLICATION_ID: is not set, expected the applicationId of the module (or --application-id)\n',
    ])
    const named = `topics list --json --module ${MODULE} --application-id ${APPLICATION_ID}`
    expect(await engine(named, { KAFKA_BROKERS: bootstrap })).toMatchObject({ code: 0, stderr: '' })
  })
})
