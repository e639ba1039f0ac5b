import { describe, expect, it } from 'vitest'
import type { ProducerSession } from '../../../runtime/memory/cluster.ts'
import { LostError } from '../../../runtime/memory/network.ts'
import { CommitFailedError, StoreClosedError } from '../../../state/ports/errors.ts'
import { countingPlan } from '../../support/counting-plan.ts'
import { MemoryApp } from '../../support/memory-app.ts'

const TOPICS = { in: 2, out: 1 }
const CHANGELOG = 'app-counts-changelog'

/** Starts an app with the task 0_0, or the given ones. Notes which stores were opened, in order. */
async function started(options: { threads?: number; active?: readonly string[] } = {}) {
  const app = new MemoryApp({ plan: countingPlan(), topics: TOPICS, threads: options.threads ?? 1 })
  const opened: string[] = []
  const { disk } = app
  app.disk = {
    ...disk,
    open: (taskId, store, open) => {
      opened.push(taskId)
      return disk.open(taskId, store, open)
    },
  }
  await app.start()
  await app.drained('in', 0)
  await app.drained('in', 1)
  await app.membership.rebalance({ active: options.active ?? ['0_0'] })
  await app.time.until('settled', () => app.instance.state() === 'RUNNING')
  opened.length = 0
  return { app, opened }
}

/** Another process's write to the changelog of a task. While it is open, a restore cannot end. */
function foreignChange(app: MemoryApp, partition: number): ProducerSession {
  const session = app.cluster.initProducerId('other')
  app.cluster.produce(session, { topic: CHANGELOG, partition }, [
    { key: Buffer.from('z'), value: Buffer.from([0, 0, 0, 9]), timestamp: 0, headers: [] },
  ])
  return session
}

async function statesOf(app: MemoryApp): Promise<Record<string, string>> {
  return Object.fromEntries((await app.instance.tasks()).map(({ taskId, state }) => [taskId, state]))
}

describe('a task that stays in place', () => {
  it('is not opened again, and continues while another one restores', async () => {
    const { app, opened } = await started()
    const session = foreignChange(app, 1)
    await app.membership.rebalance({ active: ['0_0', '0_1'] })
    for (let i = 0; i < 3; i++) {
      app.produce('in', 'a', 'x', { partition: 0 })
      await app.drained('in', 0)
    }
    expect(await statesOf(app)).toEqual({ '0_0': 'running', '0_1': 'restoring' })
    expect(app.instance.state()).toBe('REBALANCING')
    expect(opened).toEqual(['0_1'])
    app.cluster.endTxn(session, 'abort')
    app.produce('in', 'b', 'x', { partition: 1 })
    await app.drained('in', 1)
    expect(app.lines('out')).toEqual(['a=1', 'a=2', 'a=3', 'b=1'])
    expect(app.instance.state()).toBe('RUNNING')
    expect(app.recovered).toEqual([])
    await app.instance.close()
  })

  it('commits with the new generation when the commit met the old one', async () => {
    const { app, opened } = await started()
    const { cluster } = app
    const commit = cluster.txnOffsetCommit.bind(cluster)
    const seen: (number | null)[] = []
    cluster.txnOffsetCommit = (session, group, offsets) => {
      // The coordinator has moved on, and the member does not know it yet.
      if (seen.push(group.generation) === 1) cluster.setMember(group.groupId, group.memberId, group.generation + 1)
      commit(session, group, offsets)
    }
    app.produce('in', 'a', 'x', { partition: 0 })
    await app.time.until('a commit was refused', () => seen.length === 1)
    await app.membership.rebalance()
    await app.drained('in', 0)
    expect(app.lines('out')).toEqual(['a=1'])
    expect(seen).toEqual([2, 4])
    expect(app.recovered).toEqual([])
    expect(opened).toEqual([])
    await app.instance.close()
  })

  it('is opened again when a commit fails, as are the tasks that were moving', async () => {
    const { app, opened } = await started()
    const session = foreignChange(app, 1)
    await app.membership.rebalance({ active: ['0_0', '0_1'] })
    await app.time.until('0_1 opening', () => opened.includes('0_1'))
    let isDone = false
    app.writer.before = async () => {
      if (isDone) return
      isDone = true
      throw new CommitFailedError('planned')
    }
    app.produce('in', 'a', 'x', { partition: 0 })
    await app.drained('in', 0)
    app.cluster.endTxn(session, 'abort')
    await app.time.until('both open', () => app.instance.state() === 'RUNNING')
    expect(opened).toEqual(['0_1', '0_0', '0_1'])
    expect(app.lines('out')).toEqual(['a=1'])
    await app.instance.close()
  })

  it('is released in order when it is taken away: its last commit first', async () => {
    const { app } = await started({ active: ['0_0', '0_1'] })
    app.produce('in', 'a', 'x', { partition: 0 })
    app.produce('in', 'b', 'x', { partition: 1 })
    await app.time.until('processed', () => app.lines('out').length > 0)
    await app.membership.rebalance({ active: ['0_0'] })
    expect(app.committed('in', 1)).toBe(1)
    app.produce('in', 'b', 'x', { partition: 1 })
    app.produce('in', 'a', 'x', { partition: 0 })
    await app.drained('in', 0)
    expect(app.lines('out').sort()).toEqual(['a=1', 'a=2', 'b=1'])
    await app.membership.rebalance({ active: ['0_0', '0_1'] })
    await app.drained('in', 1)
    expect(app.lines('out').sort()).toEqual(['a=1', 'a=2', 'b=1', 'b=2'])
    await app.instance.close()
  })
})

describe('a standby', () => {
  it('follows its changelog, reports its lag, and leaves only the rest to be restored', async () => {
    const { app } = await started()
    await app.membership.rebalance({ standby: ['0_1'] })
    // Another process runs the task.
    const record = (value: number) => [
      { key: Buffer.from('k'), value: Buffer.from([0, 0, 0, value]), timestamp: 0, headers: [] },
    ]
    for (let i = 1; i <= 5; i++) app.cluster.append({ topic: CHANGELOG, partition: 1 }, record(i))
    await app.time.pass(500)
    expect(await statesOf(app)).toEqual({ '0_0': 'running', '0_1': 'standby' })
    expect(await app.instance.report()).toEqual({ active: ['0_0'], lags: { '0_1': 0 } })
    const behind = app.cluster.initProducerId('behind')
    app.cluster.produce(behind, { topic: CHANGELOG, partition: 1 }, record(6))
    await app.time.pass(500)
    expect((await app.instance.report()).lags).toEqual({ '0_1': 1 })
    app.cluster.endTxn(behind, 'commit')
    await app.time.pass(500)
    expect(await app.metric('restore_records_total')).toBe(6)
    expect(await app.metric('restore_records_remaining')).toBe(0)

    await app.membership.rebalance({ active: ['0_0', '0_1'], standby: [] })
    app.produce('in', 'k', 'x', { partition: 1 })
    await app.drained('in', 1)
    expect(app.lines('out')).toEqual(['k=7'])
    expect(await app.metric('restore_records_total')).toBe(6)
    await app.instance.close()
  })

  it('becomes an active task, and the other way round, without a restore', async () => {
    const { app } = await started()
    for (let round = 1; round <= 3; round++) {
      app.produce('in', 'a', 'x', { partition: 0 })
      await app.drained('in', 0)
      await app.membership.rebalance({ active: [], standby: ['0_0'] })
      await app.time.pass(500)
      expect(await statesOf(app)).toEqual({ '0_0': 'standby' })
      await app.membership.rebalance({ active: ['0_0'], standby: [] })
    }
    await app.time.until('running', () => app.instance.state() === 'RUNNING')
    expect(app.lines('out')).toEqual(['a=1', 'a=2', 'a=3'])
    // Its own commits it had applied itself.
    expect(await app.metric('restore_records_total')).toBe(0)
    await app.instance.close()
  })

  it('stays when the active tasks fail', async () => {
    const { app, opened } = await started()
    await app.membership.rebalance({ standby: ['0_1'] })
    await app.time.until('open', () => opened.includes('0_1'))
    let isDone = false
    app.writer.before = async () => {
      if (isDone) return
      isDone = true
      throw new CommitFailedError('planned')
    }
    app.produce('in', 'a', 'x', { partition: 0 })
    await app.drained('in', 0)
    expect(opened).toEqual(['0_1', '0_0'])
    await app.instance.close()
  })

  it('that fails is opened again without an effect on active tasks', async () => {
    const { app, opened } = await started()
    let failures = 1
    app.wrapStore = (store) =>
      new Proxy(store, {
        get(target, name: keyof typeof store) {
          if (name === 'restore' && failures-- > 0) {
            return () => Promise.reject(new StoreClosedError('counts', 'failed to write: disk full'))
          }
          const member: unknown = target[name]
          return typeof member === 'function' ? member.bind(target) : member
        },
      })
    await app.membership.rebalance({ standby: ['0_1'] })
    app.cluster.append({ topic: CHANGELOG, partition: 1 }, [
      { key: Buffer.from('k'), value: Buffer.from([0, 0, 0, 1]), timestamp: 0, headers: [] },
    ])
    await app.time.until('the failure', () => app.recovered.length === 1)
    await app.time.pass(2000)
    expect((await app.instance.report()).lags).toEqual({ '0_1': 0 })
    expect(opened).toEqual(['0_1', '0_1'])
    await app.instance.close()
    expect(await app.instance.stopped).toBeNull()
  })
})

describe('a process with two threads', () => {
  it('keeps tasks on their threads, and moves one only when it must, closed before it is opened', async () => {
    const { app } = await started({ threads: 2, active: ['0_0', '0_1'] })
    const open = new Set<string>()
    const { disk } = app
    app.disk = {
      ...disk,
      open: async (taskId, store, options) => {
        expect(open.has(taskId), `${taskId} is open in another thread`).toBe(false)
        open.add(taskId)
        const backend = await disk.open(taskId, store, options)
        const close = backend.close.bind(backend)
        backend.close = async () => {
          open.delete(taskId)
          await close()
        }
        return backend
      },
    }
    const threadOf = async (id: string) => (await app.instance.tasks()).find(({ taskId }) => taskId === id)?.thread
    const [first, second] = [await threadOf('0_0'), await threadOf('0_1')]
    expect(new Set([first, second]).size).toBe(2)
    await app.membership.rebalance({ active: ['0_1'], standby: ['0_0'] })
    expect(await threadOf('0_1')).toBe(second)
    for (let round = 0; round < 6; round++) {
      app.produce('in', 'a', 'x', { partition: 0 })
      app.produce('in', 'b', 'x', { partition: 1 })
      const active = [['0_0'], ['0_0', '0_1'], ['0_1']][round % 3] as string[]
      await app.membership.rebalance({ active, standby: ['0_0', '0_1'].filter((id) => !active.includes(id)) })
      await app.time.pass(50)
    }
    await app.membership.rebalance({ active: ['0_0', '0_1'], standby: [] })
    await app.drained('in', 0)
    await app.drained('in', 1)
    const expected = ['a', 'b'].flatMap((key) => [1, 2, 3, 4, 5, 6].map((count) => `${key}=${count}`))
    expect(app.lines('out').sort()).toEqual(expected.sort())
    await app.instance.close()
    expect(open.size).toBe(0)
  })

  it('releases offsets that a failed last commit holds, so that the other thread can open the task', async () => {
    const { app } = await started({ threads: 2, active: ['0_0', '0_1'] })
    expect((await app.instance.tasks()).map(({ thread }) => thread)).toEqual([0, 1])
    const { cluster } = app
    const end = cluster.endTxn.bind(cluster)
    let lost = 0
    cluster.endTxn = (session, result) => {
      // The request never arrives: the transaction stays open.
      if (session.transactionalId === 'tx-1' && lost++ === 0) throw new LostError('planned')
      end(session, result)
    }
    const [began, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    for (const writer of app.writers) {
      writer.before = () => {
        began.resolve()
        return goOn.promise
      }
    }
    app.produce('in', 'b', 'x', { partition: 1 })
    await Promise.all([app.time.pass(100), began.promise])
    // It leaves its thread with the commit under way, and comes back to the other one.
    const released = app.membership.rebalance({ active: ['0_0'] })
    goOn.resolve()
    await released
    await app.membership.rebalance({ active: ['0_1'] })
    await app.drained('in', 1)
    expect(lost).toBe(1)
    expect((await app.instance.tasks()).map(({ taskId, thread }) => [taskId, thread])).toEqual([['0_1', 0]])
    expect(app.lines('out')).toEqual(['b=1'])
    await app.instance.close()
  })
})
