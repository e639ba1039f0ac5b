import { expect, it } from 'vitest'
import type { CommittedOffset } from '../../../runtime/ports/log.ts'
import { markReplayed, markUnfinished, replayStateOfOffsets } from '../../../runtime/replay/replay-state.ts'
import { countingPlan } from '../../support/counting-plan.ts'
import { MemoryApp } from '../../support/memory-app.ts'

const offset = { topic: 'in', partition: 0, offset: 7, metadata: '123 {"node.observed":9}' }

it('replay marks are stored with an offset and keep its other metadata', () => {
  const marked = markUnfinished(offset, 1000, 'replay')
  expect(replayStateOfOffsets([offset, marked])).toEqual({
    epoch: 1000,
    isUnfinished: true,
    isReset: false,
    isRewound: false,
  })
  const reset = markUnfinished(offset, 1000, 'reset')
  expect(replayStateOfOffsets([reset])).toMatchObject({ isUnfinished: true, isReset: true })
  expect(markReplayed(reset, { epoch: 2000, isRewound: true })).toEqual(
    markReplayed(marked, { epoch: 2000, isRewound: true }),
  )
  const ended = markReplayed(marked, { epoch: 2000, isRewound: true })
  expect(replayStateOfOffsets([ended])).toEqual({ epoch: 2000, isUnfinished: false, isReset: false, isRewound: true })
  expect(ended).toEqual({ ...offset, metadata: '123 {"node.observed":9,"$replay.epoch":2000,"$replay.rewound":1}' })
  expect(replayStateOfOffsets([offset])).toEqual({ epoch: 0, isUnfinished: false, isReset: false, isRewound: false })
})

it('an instance opens no task during an unfinished replay, or with stores from before it', async () => {
  const app = new MemoryApp({ plan: countingPlan(), topics: { in: 1, out: 1 }, config: { replayEpoch: 1000 } })
  await app.start()
  app.produce('in', 'a', 'x')
  await app.drained('in')
  await app.instance.close()
  const at = { topic: 'in', partition: 0, offset: 1, metadata: '-1' }
  const commit = (marked: CommittedOffset): void => {
    const member = app.cluster.member('app') ?? { memberId: '', generation: -1 }
    app.cluster.offsetCommit({ groupId: 'app', groupInstanceId: null, ...member }, [marked])
  }
  const stoppedBy = async (): Promise<unknown> => {
    await app.start()
    await app.time.until('the instance stops', () => app.instance.state() === 'ERROR')
    return app.instance.stopped
  }
  commit(markUnfinished(at, 1000, 'replay'))
  expect(await stoppedBy()).toMatchObject({ code: 'REPLAY_UNFINISHED' })
  commit(markReplayed(at, { epoch: 2000, isRewound: false }))
  expect(await stoppedBy()).toMatchObject({ code: 'REPLAYED_MEANWHILE' })
  commit(markReplayed(at, { epoch: 1000, isRewound: false }))
  await app.start()
  app.produce('in', 'a', 'x')
  await app.drained('in')
  expect(app.lines('out')).toEqual(['a=1', 'a=2'])
  await app.instance.close()
})
