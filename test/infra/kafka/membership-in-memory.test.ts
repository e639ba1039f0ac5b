import { afterEach, describe, expect, it } from 'vitest'
import { KafkaMembership } from '../../../infra/kafka/kafka-membership.ts'
import { MemoryCluster } from '../../../runtime/memory/cluster.ts'
import { MemoryGroupCoordinator } from '../../../runtime/memory/group-coordinator.ts'
import { IDEAL_NETWORK, type Network } from '../../../runtime/memory/network.ts'
import type { Assignment, MembershipListener, StateReport } from '../../../runtime/ports/membership.ts'
import { CoordinatorClient } from '../../simulation/cluster/coordinator-client.ts'
import { ManualTime } from '../../support/manual-time.ts'

/* The real membership at moments that a real coordinator cannot produce, found by seeds of the simulation. */

const SESSION_MS = 1000
const REBALANCE_MS = 3000
const TASKS = [0, 1, 2, 3].map((partition) => ({
  taskId: `0_${partition}`,
  isStateful: false,
  partitions: [{ topic: 'in', partition }],
}))

let time: ManualTime
let cluster: MemoryCluster
let coordinator: MemoryGroupCoordinator
let members: Member[] = []

function idOf(instanceId: string): string {
  return `app-${instanceId}-0`
}

function newGroup(): void {
  time = new ManualTime()
  cluster = new MemoryCluster(IDEAL_NETWORK)
  coordinator = new MemoryGroupCoordinator({
    cluster,
    clock: time,
    groupId: 'app',
    sessionTimeoutMs: SESSION_MS,
    rebalanceTimeoutMs: REBALANCE_MS,
  })
}

afterEach(async () => {
  for (const member of members) await member.membership.close()
  members = []
})

class Member implements MembershipListener {
  readonly membership: KafkaMembership
  readonly events: string[] = []
  readonly fenced: string[] = []
  active: readonly string[] = []
  /** Awaited before a report, and before tasks are released. */
  beforeReport: Promise<void> = Promise.resolve()
  beforeRelease: Promise<void> = Promise.resolve()
  joins = 0
  readonly #transactionalId: string
  #isDead = false

  constructor(instanceId: string) {
    members.push(this)
    this.#transactionalId = idOf(instanceId)
    const network: Network = {
      ...IDEAL_NETWORK,
      call: (client, label, operation) => {
        if (this.#isDead) return new Promise(() => undefined)
        if (label === 'join') this.joins++
        return IDEAL_NETWORK.call(client, label, operation)
      },
    }
    this.membership = new KafkaMembership(
      new CoordinatorClient({ coordinator, network, client: instanceId, instanceId }),
      {
        groupId: 'app',
        groupInstanceId: instanceId,
        info: {
          processId: instanceId,
          applicationServer: null,
          threads: 1,
          transactionalIds: [this.#transactionalId],
          topology: 'one',
        },
        tasks: TASKS,
        sessionTimeoutMs: SESSION_MS,
        beforeAssigned: async (ids) => {
          this.fenced.push(...ids)
          for (const id of ids) cluster.initProducerId(id)
        },
        transactionsInProgress: async () => cluster.transactionsInProgress(),
        timing: {
          monotonic: () => time.monotonic(),
          pause: (ms, signal) =>
            Promise.race([
              time.sleep(ms),
              new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true })),
            ]),
          random: () => 1,
        },
      },
    )
  }

  start(): void {
    void this.membership.join(this)
  }

  /** Leaves a transaction open, as a commit does before it ends it. */
  beginCommit(): void {
    const group = this.membership.current()
    if (group === null) throw new Error('no member')
    const session = cluster.initProducerId(this.#transactionalId)
    cluster.txnOffsetCommit(session, group, [{ topic: 'in', partition: 0, offset: 77, metadata: '' }])
  }

  /** kill -9 */
  die(): void {
    this.#isDead = true
  }

  async report(): Promise<StateReport> {
    await this.beforeReport
    return { active: this.active, lags: {} }
  }

  async onAssigned({ active }: Assignment): Promise<void> {
    if (this.active.some((id) => !active.includes(id))) await this.beforeRelease
    this.active = active
    this.events.push(`${active.join(' ')} in generation ${this.membership.current()?.generation}`)
  }

  async onLost(): Promise<void> {
    this.active = []
    this.events.push(`lost, may commit with ${this.membership.current()?.generation ?? 'nothing'}`)
  }

  onFatal(error: Error): void {
    this.events.push(`fatal ${error.message}`)
  }
}

describe('a member of a group', () => {
  it('that missed a generation drops its tasks before it joins the next', async () => {
    newGroup()
    const slow = new Member('slow')
    slow.start()
    await time.until('all tasks', () => slow.active.length === 4)
    // It cannot join in time: the group continues with its first report, that it runs nothing.
    const report = Promise.withResolvers<void>()
    slow.beforeReport = report.promise
    const quick = new Member('quick')
    quick.start()
    await time.until('a generation without it', () => quick.active.length > 0, 2 * REBALANCE_MS)
    expect(slow.active.filter((id) => quick.active.includes(id))).not.toEqual([])
    report.resolve()
    await time.until('its share', () => slow.events.length >= 3)
    expect(slow.events.slice(0, 2)).toEqual(['0_0 0_1 0_2 0_3 in generation 1', 'lost, may commit with nothing'])
    await time.until('half each', () => slow.active.length === 2 && quick.active.length === 2)
    expect([...slow.active, ...quick.active].sort()).toEqual(['0_0', '0_1', '0_2', '0_3'])
  })

  it('that died during a move before it could release lets the others have those tasks when it comes back', async () => {
    newGroup()
    const past = new Member('a')
    past.start()
    await time.until('all tasks', () => past.active.length === 4)
    past.beforeRelease = new Promise(() => undefined)
    const other = new Member('b')
    other.start()
    await time.until('the first half of the move', () => other.events.length === 1)
    expect(other.active).toEqual([])
    past.die()
    const back = new Member('a')
    back.start()
    await time.until('half each', () => back.active.length === 2 && other.active.length === 2)
    expect([...back.active, ...other.active].sort()).toEqual(['0_0', '0_1', '0_2', '0_3'])
    // After that the group is quiet.
    const joins = back.joins + other.joins
    await time.pass(5 * SESSION_MS)
    expect(back.joins + other.joins).toBe(joins)
  })

  it('that comes to a group of which nobody is left aborts the open transactions of its past, and none of members', async () => {
    newGroup()
    const past = new Member('past')
    past.start()
    await time.until('all tasks', () => past.active.length === 4)
    past.beginCommit()
    past.die()
    await time.pass(2 * SESSION_MS)
    const stable = () => cluster.committedOffsets('app', [{ topic: 'in', partition: 0 }])
    expect(stable).toThrow('UNSTABLE_OFFSET_COMMIT')
    // Its disk is another one: it comes under another name.
    const next = new Member('next')
    next.start()
    await time.until('all tasks', () => next.active.length === 4)
    expect([next.fenced, stable()]).toEqual([['app-past-0'], []])
    next.beginCommit()
    const third = new Member('third')
    third.start()
    await time.until('half each', () => third.active.length === 2 && next.active.length === 2)
    expect([third.fenced, next.fenced]).toEqual([[], ['app-past-0']])
  })
})
