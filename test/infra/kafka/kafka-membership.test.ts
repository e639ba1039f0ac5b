import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GroupRequests } from '../../../infra/kafka/group-requests.ts'
import { connectKafka, type KafkaCluster } from '../../../infra/kafka/kafka.ts'
import type { KafkaMembership } from '../../../infra/kafka/kafka-membership.ts'
import type { GroupMetadata } from '../../../runtime/ports/log.ts'
import type { Assignment, MembershipListener, StateReport, TaskPartitions } from '../../../runtime/ports/membership.ts'
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

/** Everything that happened to one member, in order, and a way to wait for it. Behaves as an instance would. */
class Member implements MembershipListener {
  readonly events: string[] = []
  readonly membership: KafkaMembership
  active: readonly string[] = []
  standby: readonly string[] = []
  lags: Record<string, number> = {}
  /** Called while tasks are being released. */
  onReleasing: () => Promise<void> = async () => {}
  readonly #waiting = new Set<() => void>()

  constructor(
    group: Group,
    processId: string,
    options: {
      instanceId?: string | null
      sessionTimeoutMs?: number
      topology?: string
      standbyReplicas?: number
    } = {},
  ) {
    const { instanceId = processId, topology = 'one', standbyReplicas = 0 } = options
    this.membership = kafka.membership({
      groupId: group.groupId,
      groupInstanceId: instanceId,
      info: {
        processId,
        transactionalIds: [group.transactionalId(processId)],
        threads: 1,
        applicationServer: null,
        topology,
      },
      tasks: group.tasks,
      assignment: { standbyReplicas, acceptableRecoveryLag: 10, maxWarmupReplicas: 2 },
      sessionTimeoutMs: options.sessionTimeoutMs ?? 6000,
      heartbeatIntervalMs: 100,
      beforeAssigned: async (ids) => {
        this.happened(`fence ${ids}`)
        await kafka.fence(ids)
      },
    })
  }

  join(): Promise<void> {
    return this.membership.join(this)
  }

  async report(): Promise<StateReport> {
    const lags = Object.entries(this.lags).filter(([id]) => !this.active.includes(id))
    return { active: this.active, lags: Object.fromEntries(lags) }
  }

  /** That of the last assignment. */
  generation: GroupMetadata | null = null

  async onAssigned({ active, standby }: Assignment): Promise<void> {
    this.generation = this.membership.current()
    const released = this.active.filter((id) => !active.includes(id))
    if (released.length > 0) {
      await this.onReleasing()
      this.happened(`released ${released}`)
    }
    for (const id of released) this.lags[id] = 0
    this.active = active
    this.standby = standby
    this.happened(`assigned ${active}`)
  }

  async onLost(): Promise<void> {
    this.active = []
    this.happened('lost')
  }

  onFatal(error: Error): void {
    this.happened(`fatal ${error.message}`)
  }

  /** Resolves when the event has happened for the `times`-th time. */
  saw(event: string, times = 1): Promise<void> {
    return this.until(() => this.events.filter((e) => e === event).length >= times)
  }

  /** Looks after every event. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.add(resolve))
  }

  /** Notes it, and wakes who waits. */
  happened(event: string): void {
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

async function newGroup(partitions: number, isStateful = false): Promise<Group> {
  const topic = uniqueName('member')
  await kafka.admin().createTopics([{ name: topic, partitions, config: {} }])
  const tasks = Array.from({ length: partitions }, (_, p) => ({
    taskId: `0_${p}`,
    isStateful,
    partitions: [{ topic, partition: p }],
  }))
  const groupId = uniqueName('group')
  return { groupId, topic, tasks, transactionalId: (processId) => `${groupId}-${processId}` }
}

const ALL = ['0_0', '0_1', '0_2', '0_3']

/** Two members that share four tasks. */
async function pair(group: Group): Promise<[Member, Member]> {
  const [a, b] = [new Member(group, 'a'), new Member(group, 'b')]
  await a.join()
  await b.join()
  await b.until(() => b.active.length === 2)
  await a.until(() => a.active.length === 2)
  return [a, b]
}

describe('KafkaMembership', () => {
  it('shares tasks with a new member: kept tasks never stop committing, and moved ones are released once', async () => {
    const group = await newGroup(4)
    const [a, b] = [new Member(group, 'a'), new Member(group, 'b')]
    await a.join()
    expect(a.events).toEqual(['assigned 0_0,0_1,0_2,0_3'])
    const first = a.membership.current()
    expect(first).toMatchObject({ groupId: group.groupId, generation: 1, groupInstanceId: 'a' })
    const writer = kafka.writer({ transactionalId: group.transactionalId('a') })
    await writer.init()
    let offset = 0
    let isOver = false
    const generations = new Set<number | undefined>()
    const committing = (async () => {
      while (!isOver) {
        generations.add(a.membership.current()?.generation)
        // Each must succeed, whatever the group is doing.
        await write(writer, [], [{ topic: group.topic, partition: 0, offset: ++offset, metadata: '' }], () =>
          a.membership.current(),
        )
      }
    })()
    a.onReleasing = async () => {
      // The last commit of what goes is made with the new generation.
      expect(a.membership.current()?.generation).toBe(2)
      const before = offset
      while (offset < before + 2) await new Promise((resolve) => setImmediate(resolve))
    }
    await b.join()
    await b.until(() => b.active.length === 2)
    await a.until(() => a.active.length === 2)
    isOver = true
    await committing
    expect([...a.active, ...b.active].sort()).toEqual(ALL)
    expect(a.events.filter((event) => event.startsWith('released'))).toEqual([`released ${b.active}`])
    expect(b.events).toEqual(['assigned ', `assigned ${b.active}`])
    expect(a.membership.current()?.generation).toBe(3)
    expect([...generations]).toEqual(expect.arrayContaining([1, 2]))
    expect(await kafka.admin().committedOffsets(group.groupId, [{ topic: group.topic, partition: 0 }])).toMatchObject([
      { offset },
    ])
    await writer.close()

    // A leaving member costs one rebalance.
    const rebalances = a.events.length
    await b.membership.leave()
    await a.until(() => a.active.length === 4)
    expect(a.events.slice(rebalances)).toEqual([`fence ${group.transactionalId('b')}`, 'assigned 0_0,0_1,0_2,0_3'])
    await a.membership.leave()
    expect(await kafka.admin().describeGroup(group.groupId)).toMatchObject({ state: 'Empty', members: [] })
  })

  it('tells all members to stop when one asks for it, and lets them commit a last time', async () => {
    const group = await newGroup(4)
    const [a, b] = await pair(group)
    const c = new Member(group, 'c')
    await c.join()
    const writer = kafka.writer({ transactionalId: group.transactionalId('a') })
    await writer.init()
    const told = 'fatal another instance asked the whole application to stop: b is broken'
    a.onFatal = (error) => {
      // An instance does the same: its threads carry the generation of their last assignment.
      const member = a.generation
      void write(writer, [], [{ topic: group.topic, partition: 0, offset: 7, metadata: '' }], () => member).then(
        () => a.happened(`fatal ${error.message}`),
        (failure: unknown) => a.happened(`commit failed: ${failure}`),
      )
    }
    const asked = b.membership.shutDownApplication('b is broken')
    await Promise.all([a.saw(told), c.saw(told), asked])
    expect(b.events.filter((event) => event.startsWith('fatal'))).toEqual([])
    expect(await kafka.admin().committedOffsets(group.groupId, [{ topic: group.topic, partition: 0 }])).toMatchObject([
      { offset: 7 },
    ])
    await Promise.all([a, b, c].map(({ membership }) => membership.leave()))
    // The next start is as any other.
    const next = new Member(group, 'a')
    await next.join()
    expect(next.active).toEqual(ALL)
    await next.membership.leave()
  })

  it('gives a killed static member its tasks back at once, without a rebalance for the others', async () => {
    const group = await newGroup(4)
    const [a, b] = await pair(group)
    for (const [killed, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const [tasks, quiet] = [killed.active, [...other.events]]
      const processId = killed === a ? 'a' : 'b'
      await killed.membership.close()
      const back = new Member(group, processId)
      // Its report has changed: all its tasks are left-over state now.
      back.lags = Object.fromEntries(tasks.map((id) => [id, 3]))
      await back.join()
      expect(back.events).toEqual([`assigned ${tasks}`])
      // Nor that its session would have timed out.
      expect(other.events).toEqual(quiet)
      if (killed === b) await back.membership.leave()
      else await back.membership.close()
    }
  })

  it('moves a stateful task only when the new member has caught up', async () => {
    const group = await newGroup(2, true)
    const [a, b] = [new Member(group, 'a'), new Member(group, 'b')]
    await a.join()
    await b.join()
    await b.until(() => b.standby.length === 1)
    const [moving] = b.standby
    expect(a.active).toEqual(['0_0', '0_1'])
    b.lags = { [String(moving)]: 11 }
    // The probe looked twice at least, and the standby is still behind.
    let looks = 0
    const report = b.report.bind(b)
    b.report = async () => {
      looks++
      return report()
    }
    while (looks < 2) await new Promise((resolve) => setTimeout(resolve, 50))
    expect(a.events).not.toContain(`released ${moving}`)
    b.lags = { [String(moving)]: 10 }
    await b.until(() => b.active.includes(String(moving)))
    await a.until(() => a.active.length === 1)
    expect(a.events.filter((event) => event.startsWith('released'))).toEqual([`released ${moving}`])
    await Promise.all([a.membership.leave(), b.membership.leave()])
  })

  it('gives the tasks of a vanished member to the holder of their standbys', async () => {
    const group = await newGroup(3, true)
    const members = ['a', 'b', 'c'].map((id) => new Member(group, id, { standbyReplicas: 1, sessionTimeoutMs: 3000 }))
    const [a, b, c] = members as [Member, Member, Member]
    for (const member of members) {
      for (const { taskId } of group.tasks) member.lags[taskId] = 0
      await member.join()
    }
    await Promise.all(members.map((m) => m.until(() => m.active.length === 1 && m.standby.length === 1)))
    const [lost] = b.active
    const heir = a.standby.includes(String(lost)) ? a : c
    const other = heir === a ? c : a
    other.lags = { [String(lost)]: 5000 }
    await b.membership.close()
    await heir.until(() => heir.active.includes(String(lost)))
    expect(heir.active).toHaveLength(2)
    expect(heir.events).toContain(`fence ${group.transactionalId('b')}`)
    await Promise.all([a.membership.leave(), c.membership.leave()])
  })

  it('refuses a new member with another topology, while the others continue', async () => {
    const group = await newGroup(2)
    const a = new Member(group, 'a')
    await a.join()
    const b = new Member(group, 'b', { topology: 'two' })
    await expect(b.join()).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringContaining('another topology'),
    })
    expect(b.events).toEqual([])
    await b.membership.leave()
    expect(a.active).toEqual(['0_0', '0_1'])
    expect(a.events.filter((event) => event.startsWith('released'))).toEqual([])
    await a.membership.leave()
  })

  it('takes over the tasks of a vanished member after aborting its open transaction', async () => {
    const group = await newGroup(2)
    const [a, b] = ['a', 'b'].map((id) => new Member(group, id, { sessionTimeoutMs: 3000 })) as [Member, Member]
    await a.join()
    await b.join()
    await b.until(() => b.active.length === 1)
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
    // Nothing is pending any longer: stable offsets come at once, without those of the torn transaction.
    expect(await kafka.admin().committedOffsets(group.groupId, [offset])).toEqual([])
    await expect(opened.commit()).rejects.toMatchObject({ errorCode: 90 }) // PRODUCER_FENCED
    await a.membership.leave()
  })

  it('stops when another process takes its instance id', async () => {
    const group = await newGroup(2)
    const a = new Member(group, 'a')
    await a.join()
    const twin = new Member(group, 'a')
    await twin.join()
    await a.saw(
      `fatal heartbeat group ${group.groupId} (instance a): the brokers answer with an error (FENCED_INSTANCE_ID): another process has joined under the same id. ` +
        'Was its state directory copied? Each instance needs one of its own, empty at first',
    )
    expect(a.membership.current()).toBeNull()
    expect(twin.events).toEqual(['assigned 0_0,0_1'])
    await twin.membership.leave()
  })

  it('loses its tasks when it was expelled, cannot commit for them any longer, and joins again', async () => {
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

  it('rejects settings at join that the brokers never allow', async () => {
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
  await requests.close()
}
