import { describe, expect, it } from 'vitest'
import { InputTopicChangedError, InputWatch, MatchedTopicsChangedError } from '../../../runtime/instance/input-watch.ts'
import { MemoryCluster } from '../../../runtime/memory/cluster.ts'
import { MemoryAdmin } from '../../../runtime/memory/memory-admin.ts'
import { IDEAL_NETWORK } from '../../../runtime/memory/network.ts'
import { StreamsError } from '../../../state/ports/errors.ts'
import { countingPlan } from '../../support/counting-plan.ts'
import { ManualTime } from '../../support/manual-time.ts'
import { MemoryApp } from '../../support/memory-app.ts'

async function running(): Promise<MemoryApp> {
  const app = new MemoryApp({ plan: countingPlan(), topics: { in: 2, out: 1 }, watchesInputs: true })
  await app.start()
  app.produce('in', 'a', 'x')
  await app.drained('in')
  return app
}

async function stopped(app: MemoryApp): Promise<Error | null> {
  await app.time.until('stopped', () => app.instance.state() === 'ERROR')
  return app.instance.stopped
}

describe('an input topic', () => {
  it('that gets more partitions stops the instance with an error and a last commit', async () => {
    const app = await running()
    app.cluster.addPartitions('in', 5)
    app.produce('in', 'a', 'x')
    const error = await stopped(app)
    expect(error).toBeInstanceOf(InputTopicChangedError)
    expect(error?.message).toMatch(/^input topic in has 5 partitions and had 2 when this instance started: /)
    expect(app.lines('out')).toEqual(['a=1', 'a=2'])
    expect(app.committed('in')).toBe(2)
    expect(app.membership.current()).toBeNull()
    await expect(app.start()).rejects.toThrow('app-counts-changelog has 2 partitions and needs 5')
  })

  it('that is deleted stops the instance, and committed results stay', async () => {
    const app = await running()
    app.cluster.deleteTopic('in')
    const error = await stopped(app)
    expect(error?.message).toBe('input topic in was deleted while the application ran')
    expect(app.lines('out')).toEqual(['a=1'])
    await expect(app.start()).rejects.toThrow('topic in does not exist')
    app.cluster.createTopic({ name: 'in', partitions: 2, config: {} })
    await app.start()
    app.produce('in', 'a', 'x')
    await app.drained('in')
    expect(app.lines('out')).toEqual(['a=1', 'a=2'])
    await app.instance.close()
  })

  it('that is deleted and created again stops the instance, because positions would mean other records', async () => {
    const app = await running()
    app.cluster.deleteTopic('in')
    app.cluster.createTopic({ name: 'in', partitions: 2, config: {} })
    expect((await stopped(app))?.message).toBe('input topic in was deleted and created again while the application ran')
    expect(app.lines('out')).toEqual(['a=1'])
  })

  it('that a broker does not know for a moment, or that gets no answer, stops nothing', async () => {
    const app = await running()
    const partitions = app.cluster.partitions.bind(app.cluster)
    let answers: 'none' | 'unknown' | 'known' = 'unknown'
    app.cluster.partitions = (topic) => (answers === 'unknown' ? null : partitions(topic))
    const topicId = app.cluster.topicId.bind(app.cluster)
    app.cluster.topicId = (topic) => {
      if (answers === 'none') throw new StreamsError('KAFKA_CONNECTION', 'nobody answers')
      return topicId(topic)
    }
    await app.time.pass(6000)
    answers = 'known'
    await app.time.pass(60_000)
    answers = 'none'
    await app.time.pass(60_000)
    answers = 'known'
    app.produce('in', 'a', 'x')
    await app.drained('in')
    expect(app.instance.state()).toBe('RUNNING')
    expect(app.lines('out')).toEqual(['a=1', 'a=2'])
    await app.instance.close()
    expect(await app.instance.stopped).toBeNull()
  })
})

describe('topics of a pattern', () => {
  /** A watch of `in`, which a source names, and of `orders-1` and `orders-2`, which a pattern matches. */
  async function watched() {
    const time = new ManualTime()
    const cluster = new MemoryCluster(IDEAL_NETWORK)
    const create = (name: string): void => cluster.createTopic({ name, partitions: 1, config: {} })
    for (const name of ['in', 'orders-1', 'orders-2']) create(name)
    const admin = new MemoryAdmin({ cluster, network: IDEAL_NETWORK, clock: time, client: 'test' })
    const topics = await admin.describeTopics(['in', 'orders-1', 'orders-2'])
    const find = async (): Promise<readonly string[]> => cluster.topicNames.filter((name) => name.startsWith('orders-'))
    const matched = { read: new Set(['orders-1', 'orders-2']), find }
    const changed = new InputWatch({ topics, admin, clock: time, matched }).changed()
    let change: Error | null = null
    void changed.then((found) => {
      change = found
    })
    const next = async (): Promise<Error | null> => {
      await time.until('a change', () => change !== null)
      return change
    }
    return { cluster, create, next }
  }

  it('that come or go are a change after which the others are read on', async () => {
    const one = await watched()
    one.create('orders-3')
    expect(await one.next()).toMatchObject({ message: 'there are new topics to read: orders-3', isGone: false })
    const two = await watched()
    two.cluster.deleteTopic('orders-1')
    const gone = await two.next()
    expect(gone).toBeInstanceOf(MatchedTopicsChangedError)
    expect(gone).toMatchObject({ message: 'topics were deleted: orders-1', isGone: true })
    const three = await watched()
    three.cluster.deleteTopic('orders-2')
    three.create('orders-2')
    expect(await three.next()).toMatchObject({ message: 'topics were deleted: orders-2', isGone: true })
  })

  it('do not save a topic that a source names', async () => {
    const { cluster, next } = await watched()
    cluster.deleteTopic('orders-1')
    cluster.deleteTopic('in')
    const change = await next()
    expect(change).toBeInstanceOf(InputTopicChangedError)
    expect(change?.message).toBe('input topic in was deleted while the application ran')
  })
})
