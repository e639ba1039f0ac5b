import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GroupRequests } from '../../../infra/kafka/group-requests.ts'
import { connectKafka, type KafkaCluster } from '../../../infra/kafka/kafka.ts'
import type { KafkaMembership } from '../../../infra/kafka/kafka-membership.ts'
import type { MembershipListener, TaskPartitions } from '../../../runtime/ports/membership.ts'
import { CommitFailedError } from '../../../state/ports/errors.ts'
import { kafkaForTests, uniqueName } from '../../support/kafka.ts'
import { write } from '../../support/kafka-log.ts'
import { leaveOpenTransaction } from '../../support/open-transaction.ts'

let kafka: KafkaCluster
let bootstrap: string

beforeAll(async () => {
  bootstrap = (await kafkaForTests()).bootstrap
  kafka = connectKafka({ brokers: [bootstrap], clientId: 'member-test' })
})
afterAll(() => kafka.close())

/** Everything that happened to one member, in order, and a way to wait for it. */
class Member implements MembershipListener {
  readonly events: string[] = []
  readonly membership: KafkaMembership
  onRevoking: () => Promise<void> = async () => {}
  readonly #waiting = new Set<() => void>()

  constructor(
    group: Group,
    processId: string,
    options: { instanceId?: string | null; sessionTimeoutMs?: number } = {},
  ) {
    this.membership = kafka.membership({
      groupId: group.groupId,
      groupInstanceId: options.instanceId === undefined ? processId : options.instanceId,
      info: { processId, transactionalIds: [group.transactionalId(processId)], threads: 1, applicationServer: null },
      tasks: group.tasks,
      sessionTimeoutMs: options.sessionTimeoutMs ?? 6000,
      heartbeatIntervalMs: 100,
      beforeAssigned: async (ids) => {
        this.#happened(`fence ${ids}`)
        await kafka.fence(ids)
      },
    })
  }

  join(): Promise<void> {
    return this.membership.join(this)
  }

  async onRevoked(): Promise<void> {
    await this.onRevoking()
    this.#happened('revoked')
  }

  async onAssigned({ tasks }: { tasks: readonly string[] }): Promise<void> {
    this.#happened(`assigned ${tasks}`)
  }

  async onLost(): Promise<void> {
    this.#happened('lost')
  }

  onFatal(error: Error): void {
    this.#happened(`fatal ${error.message}`)
  }

  /** Resolves when the event has happened for the `times`-th time. */
  async saw(event: string, times = 1): Promise<void> {
    while (this.events.filter((e) => e === event).length < times) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  #happened(event: string): void {
    this.events.push(event)
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }
}

interface Group {
  groupId: string
  topic: string
  tasks: TaskPartitions[]
  transactionalId: (processId: string) => string
}

async function newGroup(partitions: number): Promise<Group> {
  const topic = uniqueName('member')
  await kafka.admin().createTopics([{ name: topic, partitions, config: {} }])
  const tasks = Array.from({ length: partitions }, (_, p) => ({
    taskId: `0_${p}`,
    partitions: [{ topic, partition: p }],
  }))
  const groupId = uniqueName('group')
  return { groupId, topic, tasks, transactionalId: (processId) => `${groupId}-${processId}` }
}

function tasksOf(event: string | undefined): string[] {
  return (event ?? '').replace('assigned ', '').split(',').filter(Boolean).sort()
}

describe('KafkaMembership', () => {
  it('shares tasks with who comes and takes them back from who leaves, revoked before assigned', async () => {
    const group = await newGroup(4)
    const [a, b] = [new Member(group, 'a'), new Member(group, 'b')]
    await a.join()
    expect(a.events).toEqual(['assigned 0_0,0_1,0_2,0_3'])
    const before = a.membership.current()
    expect(before).toMatchObject({ groupId: group.groupId, generation: 1, groupInstanceId: 'a' })
    a.onRevoking = async () => {
      // Offsets of the last commit still go with the old generation.
      expect(a.membership.current()).toEqual(before)
      const writer = kafka.writer({ transactionalId: group.transactionalId('a') })
      await writer.init()
      const offset = { topic: group.topic, partition: 0, offset: 5, metadata: '' }
      await write(writer, [], [offset], () => a.membership.current())
      await writer.close()
    }
    await b.join()
    await a.saw('revoked')
    expect(a.events.slice(0, 2)).toEqual(['assigned 0_0,0_1,0_2,0_3', 'revoked'])
    while (a.events.length < 3) await new Promise((resolve) => setImmediate(resolve))
    expect([...tasksOf(a.events[2]), ...tasksOf(b.events[0])].sort()).toEqual(['0_0', '0_1', '0_2', '0_3'])
    expect(tasksOf(b.events[0])).toHaveLength(2)
    expect(a.membership.current()?.generation).toBe(2)
    expect(await kafka.admin().committedOffsets(group.groupId, [{ topic: group.topic, partition: 0 }])).toMatchObject([
      { offset: 5 },
    ])
    a.onRevoking = async () => {}
    await b.membership.leave()
    await a.saw('assigned 0_0,0_1,0_2,0_3', 2)
    expect(a.events.slice(3)).toEqual(['revoked', `fence ${group.transactionalId('b')}`, 'assigned 0_0,0_1,0_2,0_3'])
    await a.membership.leave()
    expect(await kafka.admin().describeGroup(group.groupId)).toMatchObject({ state: 'Empty', members: [] })
  })

  it('gives a static member that was killed its tasks back at once, and nobody else notices', async () => {
    const group = await newGroup(4)
    const [a, b] = [new Member(group, 'a'), new Member(group, 'b')]
    await a.join()
    await b.join()
    await a.saw('revoked')
    while (a.events.length < 3) await new Promise((resolve) => setImmediate(resolve))
    for (const [killed, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const [tasks, quiet] = [killed.events.at(-1), [...other.events]]
      const processId = killed === a ? 'a' : 'b'
      await killed.membership.close()
      const started = performance.now()
      const back = new Member(group, processId)
      await back.join()
      expect(performance.now() - started).toBeLessThan(4000) // the session timeout is 6 s
      expect(back.events).toEqual([tasks])
      expect(other.events).toEqual(quiet)
      if (killed === b) await back.membership.leave()
      else await back.membership.close()
    }
  })

  it('takes over the tasks of a member that vanished, after aborting its open transaction', async () => {
    const group = await newGroup(2)
    const [a, b] = [new Member(group, 'a'), new Member(group, 'b', { sessionTimeoutMs: 6000 })]
    await a.join()
    await b.join()
    const offset = { topic: group.topic, partition: 0, offset: 77, metadata: '' }
    const opened = await leaveOpenTransaction(
      bootstrap,
      group.transactionalId('b'),
      group.topic,
      ['torn'],
      [offset],
      b.membership.current(),
    )
    await b.membership.close()
    await a.saw('assigned 0_0,0_1', 2)
    expect(a.events.at(-2)).toBe(`fence ${group.transactionalId('b')}`)
    // Nothing is pending any more: stable offsets are there at once, and not those of the torn transaction.
    expect(await kafka.admin().committedOffsets(group.groupId, [offset])).toEqual([])
    await expect(opened.commit()).rejects.toMatchObject({ errorCode: 90 }) // PRODUCER_FENCED
    await a.membership.leave()
  }, 60_000)

  it('is stopped when another process takes its instance id', async () => {
    const group = await newGroup(2)
    const a = new Member(group, 'a')
    await a.join()
    const twin = new Member(group, 'a')
    await twin.join()
    await a.saw(`fatal heartbeat group ${group.groupId} (instance a): FENCED_INSTANCE_ID`)
    expect(a.membership.current()).toBeNull()
    expect(twin.events).toEqual(['assigned 0_0,0_1'])
    await twin.membership.leave()
  })

  it('loses its tasks when it was expelled, cannot commit for them any more, and joins again', async () => {
    const group = await newGroup(2)
    const a = new Member(group, 'a', { instanceId: null })
    await a.join()
    const stale = a.membership.current()
    await expel(group.groupId, stale?.memberId ?? '')
    await a.saw('lost')
    await a.saw('assigned 0_0,0_1', 2)
    expect(a.events).toEqual(['assigned 0_0,0_1', 'lost', 'assigned 0_0,0_1'])
    const writer = kafka.writer({ transactionalId: uniqueName('tx') })
    await writer.init()
    const offset = { topic: group.topic, partition: 0, offset: 1, metadata: '' }
    await expect(write(writer, [], [offset], () => stale)).rejects.toBeInstanceOf(CommitFailedError)
    await writer.init()
    await write(writer, [], [offset], () => a.membership.current())
    await a.membership.leave()
  })

  it('rejects at join what the brokers will never allow', async () => {
    const group = await newGroup(1)
    const a = new Member(group, 'a', { sessionTimeoutMs: 1 })
    await expect(a.join()).rejects.toMatchObject({ code: 'CONFIG' })
    await a.membership.close()
  })
})

/** LeaveGroup in the member's name, as an operator's tool sends it. */
async function expel(groupId: string, memberId: string): Promise<void> {
  const requests = new GroupRequests(
    { brokers: [bootstrap], clientId: 'operator' },
    { groupId, groupInstanceId: null, sessionTimeoutMs: 6000, rebalanceTimeoutMs: 6000 },
  )
  await requests.leave(memberId)
  await requests.cluster.close()
}
