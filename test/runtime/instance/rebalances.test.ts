import { describe, expect, it } from 'vitest'
import { MatchedTopicsChangedError } from '../../../runtime/instance/input-watch.ts'
import { StoreUnavailableError } from '../../../runtime/ports/instance.ts'
import { countingPlan } from '../../support/counting-plan.ts'
import { MemoryApp } from '../../support/memory-app.ts'

const TOPICS = { in: 2, out: 1 }

async function startedWith(keys: readonly string[]): Promise<MemoryApp> {
  const app = new MemoryApp({ plan: countingPlan(), topics: TOPICS, threads: 2 })
  await app.start()
  for (const key of keys) app.produce('in', key, 'x', { partition: 0 })
  await app.drained('in', 0)
  await app.drained('in', 1)
  return app
}

describe('a rebalance', () => {
  it('commits what was processed, and loses and repeats nothing', async () => {
    const app = await startedWith(['a'])
    for (let round = 0; round < 10; round++) {
      app.produce('in', 'a', 'x', { partition: 0 })
      if (round % 2 === 0) await app.time.pass(3)
      await app.membership.rebalance()
    }
    await app.drained('in', 0)
    expect(app.lines('out')).toEqual(Array.from({ length: 11 }, (_, i) => `a=${i + 1}`))
    expect(app.recovered).toEqual([])
    await app.instance.close()
  })

  it('takes away tasks that are still restoring', async () => {
    const app = await startedWith(['a'])
    await app.instance.close()
    const session = app.cluster.initProducerId('other')
    app.cluster.produce(session, { topic: 'app-counts-changelog', partition: 0 }, [
      { key: Buffer.from('z'), value: null, timestamp: 0, headers: [] },
    ])
    await app.start()
    await app.time.pass(300)
    expect(app.instance.state()).toBe('REBALANCING')
    const moved = Promise.all([app.membership.rebalance(), app.time.pass(1000)])
    await moved
    app.cluster.endTxn(session, 'abort')
    app.produce('in', 'a', 'x', { partition: 0 })
    await app.drained('in', 0)
    expect(app.lines('out')).toEqual(['a=1', 'a=2'])
    expect(app.instance.state()).toBe('RUNNING')
    await app.instance.close()
  })

  it('during a close ends when the tasks are released, and they are no longer reported', async () => {
    const app = await startedWith(['a'])
    const commit = Promise.withResolvers<void>()
    for (const writer of app.writers) writer.before = () => commit.promise
    app.produce('in', 'a', 'x', { partition: 0 })
    app.produce('in', 'b', 'x', { partition: 1 })
    await app.time.pass(1000)
    const closed = app.instance.close()
    let isOver = false
    const assigned = app.instance.onAssigned({ active: ['0_1'], standby: [] }).then(() => {
      isOver = true
    })
    await app.time.pass(1000)
    expect(isOver).toBe(false)
    expect((await app.instance.report()).active).toEqual(['0_0', '0_1'])
    commit.resolve()
    await assigned
    expect(app.committed('in', 0)).toBe(2)
    expect((await app.instance.report()).active).toEqual([])
    await closed
  })

  it.each([
    ['left', undefined],
    ['stopped', false],
  ])(
    'for other topics of a pattern is a close when that is asked for meanwhile: the member has %s',
    async (end, leaveGroup) => {
      const app = await startedWith(['a'])
      const ends: string[] = []
      const { membership, instance } = app
      const [leave, stop] = [membership.leave.bind(membership), membership.stop.bind(membership)]
      membership.leave = async () => {
        ends.push('left')
        await leave()
      }
      membership.stop = async () => {
        ends.push('stopped')
        await stop()
      }
      const { promise: held, resolve: letGo } = Promise.withResolvers<void>()
      for (const writer of app.writers) writer.before = () => held
      app.produce('in', 'a', 'x', { partition: 0 })
      await app.time.pass(1000)
      instance.onFatal(new MatchedTopicsChangedError({ added: ['in-two'] }))
      expect(instance.state()).toBe('REBALANCING')
      const closed = instance.close({ leaveGroup })
      expect(instance.state()).toBe('PENDING_SHUTDOWN')
      letGo()
      await closed
      expect(await instance.stopped).toBeNull()
      expect(instance.state()).toBe('NOT_RUNNING')
      expect(ends[0]).toBe(end)
      expect(app.committed('in', 0)).toBe(2)
    },
  )

  it('for other topics of a pattern ends with the reason to start again, and the member has not left', async () => {
    const app = await startedWith(['a'])
    const { membership, instance } = app
    let hasLeft = false
    membership.stop = async () => undefined
    membership.leave = async () => {
      hasLeft = true
    }
    const reason = new MatchedTopicsChangedError({ added: ['in-two'] })
    instance.onFatal(reason)
    expect(await instance.stopped).toBe(reason)
    expect(instance.state()).toBe('REBALANCING')
    expect(hasLeft).toBe(false)
  })

  it('opens nothing for an assignment of an old generation', async () => {
    const app = await startedWith(['a'])
    await app.instance.onLost('expelled')
    await app.membership.leave()
    await app.instance.onAssigned({ active: ['0_0', '0_1'], standby: [] })
    await app.time.pass(1000)
    expect(app.instance.state()).toBe('REBALANCING')
    expect(await app.instance.tasks()).toEqual([])
    await app.instance.close()
  })
})

describe('a member that lost its tasks', () => {
  it('commits nothing of what it had processed, including a commit in flight', async () => {
    const app = await startedWith(['a'])
    let goOn: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      goOn = resolve
    })
    let isHeld = false
    for (const writer of app.writers) {
      writer.before = () => {
        isHeld = true
        return held
      }
    }
    app.produce('in', 'a', 'x', { partition: 0 })
    await app.time.until('a commit on its way', () => isHeld)
    const lost = app.instance.onLost('expelled')
    goOn()
    await lost
    await app.time.pass(1000)
    expect(app.lines('out')).toEqual(['a=1'])
    expect(app.committed('in', 0)).toBe(1)
    await app.membership.rebalance()
    await app.drained('in', 0)
    expect(app.lines('out')).toEqual(['a=1', 'a=2'])
    await app.instance.close()
  })
})

describe('queries', () => {
  it('are refused while tasks move, and never answered from a released task', async () => {
    const app = await startedWith(['a'])
    expect((await app.instance.get('counts', 'a')).lag).toBe(0)
    const during: Promise<unknown>[] = []
    const revoked = app.instance.onAssigned({ active: [], standby: [] })
    during.push(app.instance.get('counts', 'a'), app.instance.scan('counts', { limit: 10 }))
    for (const answer of during) await expect(answer).rejects.toBeInstanceOf(StoreUnavailableError)
    await revoked
    await expect(app.instance.get('counts', 'a')).rejects.toBeInstanceOf(StoreUnavailableError)
    await app.instance.close()
  })

  it('asked before tasks are taken away are answered in full or not at all', async () => {
    const app = await startedWith(['a', 'b', 'c'])
    const asked = app.instance.scan('counts', { limit: 10 })
    const revoked = app.instance.onAssigned({ active: ['0_1'], standby: [] })
    const answer = await asked.then(
      ({ result }) => result.length,
      (error: unknown) => (error instanceof StoreUnavailableError ? 3 : error),
    )
    // Refused, or all three rows.
    expect(answer).toBe(3)
    await revoked
    await app.instance.close()
  })

  it('are refused while a thread opens its tasks again', async () => {
    const app = await startedWith(['a'])
    const session = app.cluster.initProducerId('other')
    app.cluster.produce(session, { topic: 'app-counts-changelog', partition: 0 }, [
      { key: Buffer.from('z'), value: null, timestamp: 0, headers: [] },
    ])
    app.produce('in', 'old', 'x', { partition: 0 })
    app.produce('in', 'old', 'x', { partition: 0 })
    app.cluster.log({ topic: 'in', partition: 0 }).deleteBelow(3)
    await app.time.until('the failure', () => app.recovered.length > 0)
    await app.time.pass(200)
    expect(app.instance.state()).toBe('REBALANCING')
    await expect(app.instance.scan('counts', { limit: 10 })).rejects.toBeInstanceOf(StoreUnavailableError)
    app.cluster.endTxn(session, 'abort')
    await app.time.until('running', () => app.instance.state() === 'RUNNING')
    expect((await app.instance.scan('counts', { limit: 10 })).result).toHaveLength(1)
    await app.instance.close()
  })

  it('show only committed rows, and how far they are behind the input', async () => {
    const app = await startedWith(['a'])
    let goOn: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      goOn = resolve
    })
    let isHeld = false
    for (const writer of app.writers) {
      writer.before = () => {
        isHeld = true
        return held
      }
    }
    app.produce('in', 'a', 'x', { partition: 0 })
    app.produce('in', 'a', 'x', { partition: 0 })
    await app.time.until('a commit on its way', () => isHeld)
    const { result, lag } = await app.instance.scan('counts', { limit: 10 })
    expect(result).toEqual([['a', { value: 1, timestamp: 0 }]])
    expect(lag).toBe(2)
    goOn()
    await app.drained('in', 0)
    const after = await app.instance.scan('counts', { limit: 10 })
    expect(after).toMatchObject({ result: [['a', { value: 3, timestamp: 0 }]], lag: 0 })
    await app.instance.close()
  })
})
