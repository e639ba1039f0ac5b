import { expect, it, vi } from 'vitest'
import { MemoryCluster } from '../../../runtime/memory/cluster.ts'
import { MemoryAdmin } from '../../../runtime/memory/memory-admin.ts'
import { IDEAL_NETWORK } from '../../../runtime/memory/network.ts'
import { StoreUnavailableError } from '../../../runtime/ports/instance.ts'
import { StandbyLag } from '../../../runtime/restore/standby-lag.ts'
import { StoreDirectory } from '../../../runtime/restore/store-directory.ts'
import type { TaskPosition } from '../../../runtime/thread/thread-control.ts'
import { RetriableError } from '../../../state/ports/errors.ts'
import { countingPlan } from '../../support/counting-plan.ts'
import { ManualTime } from '../../support/manual-time.ts'

const INPUT = { topic: 'in', partition: 0 }
const CHANGELOG = { topic: 'app-counts-changelog', partition: 0 }
const GROUP = { groupId: 'app', memberId: 'm', generation: 1, groupInstanceId: null }

function setting() {
  const cluster = new MemoryCluster(IDEAL_NETWORK)
  for (const { topic } of [INPUT, CHANGELOG]) cluster.createTopic({ name: topic, partitions: 1, config: {} })
  cluster.setMember('app', 'm', 1)
  const admin = new MemoryAdmin({ cluster, network: IDEAL_NETWORK, clock: new ManualTime(), client: 'test' })
  const held: TaskPosition[] = []
  let readings = 0
  const lag = new StandbyLag({
    groupId: 'app',
    admin,
    sourcesOf: () => [INPUT],
    positions: async () => {
      readings++
      return held
    },
  })
  const place = new StoreDirectory(
    countingPlan(),
    [{ taskId: '0_0', partitions: [INPUT], isStateful: true }],
    'this',
  ).place('counts')
  return {
    admin,
    held,
    readings: () => readings,
    cluster,
    of: () => lag.of('0_0', place),
    append(to: typeof INPUT, count: number) {
      const record = { key: Buffer.from('k'), value: null, timestamp: 0, headers: [] }
      for (let i = 0; i < count; i++) cluster.append(to, [record])
    },
    commit: (offset: number) => cluster.offsetCommit(GROUP, [{ ...INPUT, offset, metadata: '' }]),
  }
}

it('the lag of a standby counts missing changelog records and input without a commit', async () => {
  const { held, of, append, commit, cluster } = setting()
  expect(await of()).toBe(0)
  append(INPUT, 10)
  expect(await of()).toBe(10)
  commit(7)
  expect(await of()).toBe(3)
  append(CHANGELOG, 5)
  held.push({ taskId: '0_0', changelogs: [{ ...CHANGELOG, position: 1 }] })
  expect(await of()).toBe(3 + 4)
  // Other tasks and other stores of the task are none of its business.
  held.push({ taskId: '0_1', changelogs: [{ ...CHANGELOG, position: 0 }] })
  held[0] = {
    taskId: '0_0',
    changelogs: [
      { ...CHANGELOG, position: 5 },
      { ...INPUT, position: 0 },
    ],
  }
  expect(await of()).toBe(3)
  commit(10)
  expect(await of()).toBe(0)
  // A lag is never negative: a position after an end that shrank.
  held[0] = { taskId: '0_0', changelogs: [{ ...CHANGELOG, position: 99 }] }
  expect(await of()).toBe(0)
  cluster.log(INPUT).deleteBelow(10)
  append(INPUT, 2)
  expect(await of()).toBe(2)
})

it('the lag of a standby counts uncommitted input from the log start', async () => {
  const { of, append, cluster } = setting()
  append(INPUT, 10)
  cluster.log(INPUT).deleteBelow(6)
  expect(await of()).toBe(4)
})

it('concurrent queries of the lag share one reading, and later ones read again', async () => {
  const { of, append, readings } = setting()
  append(INPUT, 3)
  expect(await Promise.all([of(), of(), of()])).toEqual([3, 3, 3])
  expect(readings()).toBe(1)
  append(INPUT, 1)
  expect([await of(), readings()]).toEqual([4, 2])
})

it('while the brokers do not answer, the lag is unknown and the store unavailable', async () => {
  const { admin, of } = setting()
  vi.spyOn(admin, 'committedOffsets').mockRejectedValueOnce(new RetriableError('KAFKA_CONNECTION', 'gave up after 2 s'))
  const error: unknown = await of().catch((failure: unknown) => failure)
  expect(error).toBeInstanceOf(StoreUnavailableError)
  expect((error as Error).message).toBe('the brokers do not answer: gave up after 2 s')
  expect(await of()).toBe(0)
  vi.spyOn(admin, 'highWatermarks').mockRejectedValueOnce(new RangeError('a fault of our own'))
  await expect(of()).rejects.toThrow(RangeError)
})
