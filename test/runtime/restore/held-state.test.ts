import { expect, it } from 'vitest'
import { MemoryCluster } from '../../../runtime/memory/cluster.ts'
import { MemoryAdmin } from '../../../runtime/memory/memory-admin.ts'
import { IDEAL_NETWORK } from '../../../runtime/memory/network.ts'
import type { TopicPartition } from '../../../runtime/ports/log.ts'
import { HeldState } from '../../../runtime/restore/held-state.ts'
import { StreamsError } from '../../../state/ports/errors.ts'
import { ManualTime } from '../../support/manual-time.ts'

const at = (position: number, partition = 0) => ({ topic: 'log', partition, position })

function setting(leftOver: ConstructorParameters<typeof HeldState>[1] = []) {
  const cluster = new MemoryCluster(IDEAL_NETWORK)
  cluster.createTopic({ name: 'log', partitions: 2, config: {} })
  const admin = new MemoryAdmin({ cluster, network: IDEAL_NETWORK, clock: new ManualTime(), client: 'test' })
  let isDown = false
  const highWatermarks = admin.highWatermarks.bind(admin)
  admin.highWatermarks = async (partitions: readonly TopicPartition[]) => {
    if (isDown) throw new StreamsError('KAFKA_CONNECTION', 'nobody answers')
    return highWatermarks(partitions)
  }
  return {
    held: new HeldState(admin, leftOver),
    append: (partition: number, count: number) => {
      const record = { key: Buffer.from('k'), value: null, timestamp: 0, headers: [] }
      for (let i = 0; i < count; i++) cluster.append({ topic: 'log', partition }, [record])
    },
    takeDown: () => {
      isDown = true
    },
  }
}

it('the held state has the lag of each task, also of earlier runs', async () => {
  const { held, append } = setting([{ taskId: '0_0', changelogs: [at(3)] }])
  append(0, 10)
  append(1, 4)
  expect(await held.lags(new Set())).toEqual({ '0_0': 7 })
  held.note([{ taskId: '0_0', changelogs: [at(9), at(1, 1)] }])
  expect(await held.lags(new Set())).toEqual({ '0_0': 4 })
  expect(await held.lags(new Set(['0_0']))).toEqual({})
})

it('the held state answers from memory while no broker answers, and omits what it never knew', async () => {
  const { held, append, takeDown } = setting([{ taskId: '0_0', changelogs: [at(0)] }])
  append(0, 5)
  await held.lags(new Set())
  takeDown()
  held.note([
    { taskId: '0_0', changelogs: [at(4)] },
    { taskId: '0_1', changelogs: [at(0, 1)] },
  ])
  expect(await held.lags(new Set())).toEqual({ '0_0': 1 })
})
