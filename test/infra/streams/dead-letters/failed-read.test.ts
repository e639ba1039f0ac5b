import { expect, it } from 'vitest'
import { letterName } from '../../../../infra/streams/dead-letters/dead-letter.ts'
import { LatestLetters, type LetterClients } from '../../../../infra/streams/dead-letters/latest-letters.ts'
import { MemoryCluster } from '../../../../runtime/memory/cluster.ts'
import { MemoryAdmin } from '../../../../runtime/memory/memory-admin.ts'
import { MemoryReader } from '../../../../runtime/memory/memory-reader.ts'
import { MemoryWriter } from '../../../../runtime/memory/memory-writer.ts'
import { IDEAL_NETWORK } from '../../../../runtime/memory/network.ts'
import type { FetchedPartition } from '../../../../runtime/ports/log.ts'
import { ManualTime } from '../../../support/manual-time.ts'

let pollsUntilFailure = 1

class FailingReader extends MemoryReader {
  override async poll(maxWaitMs: number): Promise<readonly FetchedPartition[]> {
    if (pollsUntilFailure-- === 0) throw new Error('the connection broke')
    return await super.poll(maxWaitMs)
  }
}

it('dead letters that were read before reading failed are listed, found and counted once', async () => {
  const topic = 'app.dlq'
  const cluster = new MemoryCluster(IDEAL_NETWORK)
  cluster.createTopic({ name: topic, partitions: 1, config: {} })
  const headers = [{ key: '__streams.errors.reason', value: Buffer.from('schema') }]
  for (const timestamp of [1, 2]) {
    cluster.append({ topic, partition: 0 }, [{ key: null, value: null, timestamp, headers }])
  }
  const log = { cluster, network: IDEAL_NETWORK, clock: new ManualTime(), client: 'test' }
  const connect = (): LetterClients => {
    const reader = new FailingReader({ ...log, isolation: 'read_committed', maxBatches: () => 1 })
    const writer = () => new MemoryWriter({ ...log, transactionalId: 'unused' })
    return { admin: new MemoryAdmin(log), reader, writer, close: () => reader.close() }
  }
  const letters = new LatestLetters({ connect, topic, limit: 5, mostCounted: 10 })
  await expect(letters.latest()).rejects.toThrow('the connection broke')
  expect((await letters.find('0:0'))?.letter.timestamp).toBe(1)
  await letters.rest()
  const { latest, count, byReason } = await letters.latest()
  expect(latest.map(letterName)).toEqual(['0:1', '0:0'])
  expect([count, byReason]).toEqual([2, [['schema', 2]]])
  await letters.rest()
})
