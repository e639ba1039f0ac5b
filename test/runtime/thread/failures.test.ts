import { describe, expect, it } from 'vitest'
import {
  CommitFailedError,
  CommitUnknownError,
  FencedError,
  StoreClosedError,
  StoreCorruptedError,
  StreamsConfigError,
} from '../../../state/ports/errors.ts'
import { countingPlan } from '../../support/counting-plan.ts'
import { MemoryApp } from '../../support/memory-app.ts'

const TOPICS = { in: 1, out: 1 }
const failOnce = (error: Error) => {
  let isDone = false
  return async (): Promise<void> => {
    if (isDone) return
    isDone = true
    throw error
  }
}

describe('a commit', () => {
  it.each([
    ['that failed', new CommitFailedError('planned')],
    ['of unknown outcome', new CommitUnknownError('planned')],
  ])('%s before anything was sent is repeated once', async (_name, error) => {
    const app = new MemoryApp({ plan: countingPlan(), topics: TOPICS })
    await app.start()
    await app.drained('in')
    app.writer.before = failOnce(error)
    for (const key of ['a', 'b', 'a']) app.produce('in', key, 'x')
    await app.drained('in')
    expect(app.lines('out')).toEqual(['a=1', 'b=1', 'a=2'])
    expect(app.recovered).toEqual([error])
    await app.instance.close()
  })

  it('of unknown outcome that succeeded is not done twice', async () => {
    const app = new MemoryApp({ plan: countingPlan(), topics: TOPICS })
    await app.start()
    await app.drained('in')
    app.writer.after = failOnce(new CommitUnknownError('the reply was lost'))
    app.produce('in', 'a', 'x')
    await app.time.until('recovered', () => app.recovered.length === 1)
    app.produce('in', 'a', 'x')
    await app.drained('in')
    expect(app.lines('out')).toEqual(['a=1', 'a=2'])
    expect(app.lines('app-counts-changelog')).toHaveLength(2)
    await app.instance.close()
  })

  it('that fails again and again is repeated with growing pauses, and close() does not wait for them', async () => {
    const app = new MemoryApp({ plan: countingPlan(), topics: TOPICS })
    await app.start()
    await app.drained('in')
    app.writer.before = async () => {
      throw new CommitFailedError('planned')
    }
    app.produce('in', 'a', 'x')
    await app.time.pass(10_000)
    expect(app.recovered.length).toBeGreaterThan(5)
    expect(app.recovered.length).toBeLessThan(30)
    await app.instance.close()
    expect(await app.instance.stopped).toBeNull()
    expect(app.lines('out')).toEqual([])
  })

  it('counts as aborted only when it was', async () => {
    const app = new MemoryApp({ plan: countingPlan(), topics: TOPICS })
    await app.start()
    app.writer.before = failOnce(new CommitFailedError('planned'))
    app.produce('in', 'a', 'x')
    await app.drained('in')
    app.cluster.log({ topic: 'in', partition: 0 }).deleteBelow(1)
    expect(await app.metric('transaction_aborts_total')).toBe(1)
    expect(await app.metric('commits_total')).toBe(app.writer.commits)
    await app.instance.close()
  })

  it('by a fenced writer commits nothing, and waits for the next assignment', async () => {
    const app = new MemoryApp({ plan: countingPlan(), topics: TOPICS })
    await app.start()
    await app.drained('in')
    app.cluster.initProducerId('tx-0')
    app.produce('in', 'a', 'x')
    await app.time.until('fenced', () => app.recovered.some((error) => error instanceof FencedError))
    expect(app.instance.state()).toBe('REBALANCING')
    expect(app.lines('out')).toEqual([])
    await app.membership.rebalance()
    await app.drained('in')
    expect(app.lines('out')).toEqual(['a=1'])
    await app.instance.close()
    expect(await app.instance.stopped).toBeNull()
  })

  it('of a writer that was fenced while its member keeps its tasks is repeated', async () => {
    const app = new MemoryApp({ plan: countingPlan(), topics: TOPICS })
    await app.start()
    await app.drained('in')
    app.cluster.initProducerId('tx-0')
    app.produce('in', 'a', 'x')
    await app.drained('in')
    expect(app.recovered.map(({ name }) => name)).toEqual(['FencedError'])
    expect(app.lines('out')).toEqual(['a=1'])
    await app.instance.close()
  })
})

describe('a transaction that the previous process left open', () => {
  it('is aborted even by a thread without tasks', async () => {
    const app = new MemoryApp({ plan: countingPlan(), topics: TOPICS, threads: 2 })
    const past = app.cluster.initProducerId('tx-1')
    app.cluster.produce(past, { topic: 'out', partition: 0 }, [
      { key: Buffer.from('z'), value: Buffer.from('?'), timestamp: 0, headers: [] },
    ])
    await app.start()
    expect((await app.instance.tasks()).map(({ thread }) => thread)).toEqual([0])
    app.produce('in', 'a', 'x')
    await app.drained('in')
    const out = app.cluster.log({ topic: 'out', partition: 0 })
    await app.time.until('others can be read', () => out.lastStableOffset === out.highWatermark)
    expect(app.lines('out')).toEqual(['a=1'])
    await app.instance.close()
  })
})

describe('a store that cannot be written', () => {
  it('after its transaction committed is opened again and restored, and nothing is counted twice', async () => {
    const app = new MemoryApp({ plan: countingPlan(), topics: TOPICS })
    let isFull = true
    app.wrapStore = (store) =>
      new Proxy(store, {
        get(target, name: keyof typeof store) {
          if (name === 'settle' && isFull) {
            return async () => {
              isFull = false
              throw new StoreClosedError('counts', 'could not be written: disk full')
            }
          }
          const member: unknown = target[name]
          return typeof member === 'function' ? member.bind(target) : member
        },
      })
    await app.start()
    app.produce('in', 'a', 'x')
    await app.time.until('the failure', () => app.recovered.length > 0)
    app.produce('in', 'a', 'x')
    await app.drained('in')
    expect(app.lines('out')).toEqual(['a=1', 'a=2'])
    expect((await app.instance.get('counts', 'a')).result).toEqual({ value: 2, timestamp: 0 })
    await app.instance.close()
    expect(await app.instance.stopped).toBeNull()
  })
})

describe('a store found to be corrupt', () => {
  it('while records are processed is emptied and rebuilt from its changelog', async () => {
    let isCorrupt = false
    const plan = countingPlan({
      onRecord: () => {
        if (!isCorrupt) return
        isCorrupt = false
        throw new StoreCorruptedError('0_0', 'counts', 'a row cannot be read')
      },
    })
    // Not even a handler for bad records may blame the record.
    const app = new MemoryApp({ plan, topics: TOPICS, config: { processingExceptionHandler: 'dead-letter' } })
    const wiped: string[] = []
    app.wrapStore = (store) => {
      const wipe = store.wipe.bind(store)
      store.wipe = async () => {
        wiped.push(store.name)
        await wipe()
      }
      return store
    }
    await app.start()
    for (let i = 0; i < 3; i++) app.produce('in', 'a', 'x')
    await app.drained('in')
    isCorrupt = true
    app.produce('in', 'a', 'x')
    await app.drained('in')
    expect(wiped).toEqual(['counts'])
    expect(app.lines('out').at(-1)).toBe('a=4')
    expect(app.lines(app.deadLetterTopic)).toEqual([])
    await app.instance.close()
  })
})

describe('a processor that throws', () => {
  const throwing = (value: string): void => {
    if (value.startsWith('bad')) throw new RangeError(`cannot do ${value}`)
  }

  it('stops the instance, and what was committed before stays', async () => {
    const app = new MemoryApp({ plan: countingPlan({ onRecord: throwing }), topics: TOPICS })
    await app.start()
    app.produce('in', 'a', 'good')
    await app.drained('in')
    app.produce('in', 'a', 'good')
    app.produce('in', 'a', 'bad')
    await app.time.until('stopped', () => app.instance.state() === 'ERROR')
    expect(await app.instance.stopped).toMatchObject({
      code: 'RECORD_FAILED',
      message: 'task 0_0 failed in count at offset 2 of in-0: cannot do bad',
    })
    expect(app.lines('out')).toEqual(['a=1'])
  })

  it('fails only that record, with all its effects, under dead-letter', async () => {
    const app = new MemoryApp({
      plan: countingPlan({ onRecord: throwing }),
      topics: TOPICS,
      config: { processingExceptionHandler: 'dead-letter' },
    })
    await app.start()
    for (const value of ['x', 'bad1', 'x', 'bad2', 'bad3', 'x']) app.produce('in', 'a', value)
    await app.drained('in')
    // Not 1, 3, 6: the put of a bad record was undone.
    expect(app.lines('out')).toEqual(['a=1', 'a=2', 'a=3'])
    expect(app.lines(app.deadLetterTopic)).toEqual(['a=bad1', 'a=bad2', 'a=bad3'])
    const offsets = app
      .records(app.deadLetterTopic)
      .map(({ headers }) => String([...headers].find(({ key }) => key === '__streams.errors.offset')?.value))
    expect(offsets).toEqual(['1', '3', '4'])
    expect(await app.metric('dead_letters_total')).toBe(3)
    await app.instance.close()
    expect(await app.instance.stopped).toBeNull()
  })

  it('fails only that record, counted and without a dead letter, under continue', async () => {
    const app = new MemoryApp({
      plan: countingPlan({ onRecord: throwing }),
      topics: TOPICS,
      config: { processingExceptionHandler: 'continue' },
    })
    await app.start()
    for (const value of ['x', 'bad1', 'x', 'bad2', 'x']) app.produce('in', 'a', value)
    await app.drained('in')
    expect(app.lines('out')).toEqual(['a=1', 'a=2', 'a=3'])
    expect(app.lines(app.deadLetterTopic)).toEqual([])
    expect(await app.metric('dropped_records_total')).toBe(2)
    await app.instance.close()
    expect(await app.instance.stopped).toBeNull()
  })

  it('and its dead letter survive another failure of the epoch', async () => {
    const app = new MemoryApp({
      plan: countingPlan({ onRecord: throwing }),
      topics: TOPICS,
      config: { processingExceptionHandler: 'dead-letter' },
    })
    await app.start()
    await app.drained('in')
    app.writer.before = failOnce(new CommitFailedError('planned'))
    for (const value of ['bad1', 'x']) app.produce('in', 'a', value)
    await app.drained('in')
    expect(app.lines('out')).toEqual(['a=1'])
    expect(app.lines(app.deadLetterTopic)).toEqual(['a=bad1'])
    await app.instance.close()
  })
})

describe('a stream thread that dies', () => {
  it('while it releases its tasks lets the rebalance continue, and stops the instance', async () => {
    const app = new MemoryApp({ plan: countingPlan(), topics: { in: 2, out: 1 }, threads: 2 })
    await app.start()
    await app.drained('in')
    const [, second] = app.writers
    if (second !== undefined) {
      second.before = async () => {
        throw new StreamsConfigError('planned')
      }
    }
    app.produce('in', 'a', 'x', { partition: 0 })
    app.produce('in', 'b', 'x', { partition: 1 })
    await app.membership.rebalance()
    await app.time.until('stopped', () => app.instance.state() === 'ERROR')
    expect(await app.instance.stopped).toBeInstanceOf(StreamsConfigError)
  })

  it('stops the instance although a processor fails to close', async () => {
    const app = new MemoryApp({
      plan: countingPlan({
        onRecord: () => {
          throw new Error('planned')
        },
      }),
      topics: TOPICS,
    })
    app.wrapStore = (store) =>
      new Proxy(store, {
        get(target, name: keyof typeof store) {
          if (name === 'close') return () => Promise.reject(new Error('cannot close'))
          const member: unknown = target[name]
          return typeof member === 'function' ? member.bind(target) : member
        },
      })
    await app.start()
    app.produce('in', 'a', 'x')
    await app.time.until('stopped', () => app.instance.state() === 'ERROR')
    expect((await app.instance.stopped)?.message).toBe('task 0_0 failed in count at offset 0 of in-0: planned')
    expect(app.recovered.map(({ message }) => message)).toEqual(['cannot close'])
    expect(app.membership.current()).toBeNull()
  })
})

describe('close()', () => {
  it('waits for the commit in flight and commits the rest', async () => {
    const app = new MemoryApp({ plan: countingPlan(), topics: TOPICS })
    await app.start()
    await app.drained('in')
    let goOn: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      goOn = resolve
    })
    let waiting = false
    app.writer.before = () => {
      waiting = true
      return held
    }
    app.produce('in', 'a', 'x')
    await app.time.until('a commit in flight', () => waiting)
    app.produce('in', 'a', 'x')
    await app.time.settle()
    const closed = app.instance.close()
    await app.time.settle()
    expect(app.instance.state()).toBe('PENDING_SHUTDOWN')
    goOn()
    await closed
    expect(app.lines('out')).toEqual(['a=1', 'a=2'])
    expect(app.committed('in')).toBe(2)
    expect(app.instance.state()).toBe('NOT_RUNNING')
    expect(app.membership.current()).toBeNull()
  })

  it('ends a restore that would never end', async () => {
    const app = new MemoryApp({ plan: countingPlan(), topics: TOPICS })
    app.cluster.createTopic({ name: 'app-counts-changelog', partitions: 1, config: {} })
    // An open transaction of another producer: the high watermark is not reached before it ends.
    app.cluster.produce(app.cluster.initProducerId('other'), { topic: 'app-counts-changelog', partition: 0 }, [
      { key: Buffer.from('k'), value: Buffer.from([0, 0, 0, 1]), timestamp: 0, headers: [] },
    ])
    await app.start()
    await app.time.pass(5000)
    expect(app.instance.state()).toBe('REBALANCING')
    const closed = app.instance.close()
    await app.time.pass(1000)
    await closed
    expect(await app.instance.stopped).toBeNull()
  })

  it('may be called twice, and after a failure', async () => {
    const app = new MemoryApp({ plan: countingPlan(), topics: TOPICS })
    await app.start()
    await Promise.all([app.instance.close(), app.instance.close()])
    await app.instance.close()
    expect(app.instance.state()).toBe('NOT_RUNNING')
  })
})
