import { expect, it } from 'vitest'
import { CommitFailedError, StreamsConfigError } from '../../../state/ports/errors.ts'
import { countingPlan } from '../../support/counting-plan.ts'
import { MemoryApp } from '../../support/memory-app.ts'

const TOPICS = { in: 1, out: 1 }

it('latest skips records from before the first start, and none after it, whatever fails', async () => {
  const app = new MemoryApp({ plan: countingPlan({ offsetReset: 'latest' }), topics: TOPICS })
  app.produce('in', 'old', 'x')
  await app.start()
  await app.time.until('the start position', () => app.committed('in') === 1)
  let fails = 3
  app.writer.before = async () => {
    if (fails-- > 0) throw new CommitFailedError('planned')
  }
  app.produce('in', 'new', 'x')
  await app.drained('in')
  expect(app.lines('out')).toEqual(['new=1'])
  await app.instance.close()
})

it('latest keeps its start position although the commit of that position fails', async () => {
  const app = new MemoryApp({ plan: countingPlan({ offsetReset: 'latest' }), topics: TOPICS })
  await app.start()
  let fails = 1
  app.writer.before = async () => {
    if (fails-- > 0) throw new CommitFailedError('planned')
  }
  await app.time.until('the start position', () => app.committed('in') === 0)
  app.produce('in', 'new', 'x')
  await app.drained('in')
  expect(app.lines('out')).toEqual(['new=1'])
  await app.instance.close()
})

it('a committed offset below the log start continues at the earliest record', async () => {
  const app = new MemoryApp({ plan: countingPlan(), topics: TOPICS })
  await app.start()
  app.produce('in', 'a', 'x')
  await app.drained('in')
  await app.instance.close()
  for (let i = 0; i < 5; i++) app.produce('in', 'b', 'x')
  app.cluster.log({ topic: 'in', partition: 0 }).deleteBelow(4)
  await app.start()
  await app.drained('in')
  expect(app.lines('out')).toEqual(['a=1', 'b=1', 'b=2'])
  expect(app.lost).toEqual([{ taskId: '0_0', topic: 'in', partition: 0, committed: 1, position: 4, records: 3 }])
  expect(await app.metric('input_lost_records_total')).toBe(3)
  await app.instance.close()
})

it('latest, too, continues at the earliest record when the committed offset is below the log start', async () => {
  const app = new MemoryApp({ plan: countingPlan({ offsetReset: 'latest' }), topics: TOPICS })
  await app.start()
  await app.time.until('the start position', () => app.committed('in') === 0)
  app.produce('in', 'a', 'x', { timestamp: 500 })
  await app.drained('in')
  await app.instance.close()
  for (let i = 0; i < 5; i++) app.produce('in', 'b', 'x')
  app.cluster.log({ topic: 'in', partition: 0 }).deleteBelow(4)
  await app.start()
  await app.drained('in')
  expect(app.lines('out')).toEqual(['a=1', 'b=1', 'b=2'])
  expect(app.lost).toEqual([{ taskId: '0_0', topic: 'in', partition: 0, committed: 1, position: 4, records: 3 }])
  await app.instance.close()
})

it('lost input is reported once, also when the commit of the new position fails', async () => {
  const app = new MemoryApp({ plan: countingPlan(), topics: TOPICS })
  await app.start()
  app.produce('in', 'a', 'x')
  await app.drained('in')
  let fails = 2
  app.writer.before = async () => {
    if (fails-- > 0) throw new CommitFailedError('planned')
  }
  for (let i = 0; i < 5; i++) app.produce('in', 'b', 'x')
  app.cluster.log({ topic: 'in', partition: 0 }).deleteBelow(4)
  await app.drained('in')
  expect(fails).toBeLessThan(0)
  expect(app.lost).toEqual([{ taskId: '0_0', topic: 'in', partition: 0, committed: 1, position: 4, records: 3 }])
  expect(await app.metric('input_lost_records_total')).toBe(3)
  await app.instance.close()
})

it('a position that falls out of the log while running continues at the earliest record', async () => {
  const app = new MemoryApp({ plan: countingPlan(), topics: TOPICS })
  await app.start()
  app.produce('in', 'a', 'x')
  await app.drained('in')
  for (let i = 0; i < 5; i++) app.produce('in', 'b', 'x')
  app.cluster.log({ topic: 'in', partition: 0 }).deleteBelow(4)
  await app.drained('in')
  expect(app.lines('out')).toEqual(['a=1', 'b=1', 'b=2'])
  expect(app.recovered.map(({ message }) => message)).toEqual(['offset 1 of in-0 is out of range'])
  expect(await app.metric('transaction_aborts_total')).toBe(0)
  await app.instance.close()
})

/** Commits an offset as a reset tool does. */
function commitOffset(app: MemoryApp, offset: number): void {
  const tool = { groupId: 'app', memberId: 'tool', generation: 100, groupInstanceId: null }
  app.cluster.setMember(tool.groupId, tool.memberId, tool.generation)
  app.cluster.offsetCommit(tool, [{ topic: 'in', partition: 0, offset, metadata: 'not ours' }])
}

it('a committed offset beyond the log end (of a topic created again) starts from the beginning once', async () => {
  const app = new MemoryApp({ plan: countingPlan(), topics: TOPICS })
  commitOffset(app, 77)
  app.produce('in', 'a', 'x')
  await app.start()
  await app.drained('in')
  expect(app.lines('out')).toEqual(['a=1'])
  expect(app.recovered).toEqual([])
  expect(app.lost).toEqual([{ taskId: '0_0', topic: 'in', partition: 0, committed: 77, position: 0, records: 0 }])
  await app.instance.close()
})

it.each([
  ['there is no committed offset', null, 'there is no committed offset for in-0, and autoOffsetReset is none'],
  [
    'the committed offset is gone',
    7,
    'the committed offset 7 of in-0 is not in the log (0 to 1) and autoOffsetReset is none',
  ],
])('AUTO_OFFSET_RESET none stops the instance with a clear error when %s', async (_name, offset, message) => {
  const app = new MemoryApp({ plan: countingPlan({ offsetReset: 'none' }), topics: TOPICS })
  app.produce('in', 'a', 'x')
  if (offset !== null) commitOffset(app, offset)
  await app.start()
  await app.time.until('stopped', () => app.instance.state() === 'ERROR')
  const error = await app.instance.stopped
  expect(error).toBeInstanceOf(StreamsConfigError)
  expect(error?.message).toBe(message)
})

it('stream time is restored after a restart', async () => {
  const seen: number[] = []
  const onRecord = (_value: string, context: { currentStreamTimeMs(): number }): void => {
    seen.push(context.currentStreamTimeMs())
  }
  const app = new MemoryApp({ plan: countingPlan({ onRecord }), topics: TOPICS })
  await app.start()
  app.produce('in', 'a', 'x', { timestamp: 500 })
  await app.drained('in')
  await app.restart()
  app.produce('in', 'a', 'x', { timestamp: 20 })
  await app.drained('in')
  expect(seen).toEqual([500, 500])
  await app.instance.close()
})
